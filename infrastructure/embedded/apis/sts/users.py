"""Access keys of IAM's users, as IAM has them on record."""

from typing import Any

from infrastructure.embedded.gateway.signing.credentials import Credentials, Issued, Principal


def issued(iam: Any, access_key: str) -> Issued | None:
    """The user's key from moto's records of IAM; None when there is none, or it is not active."""
    user = iam.get_user_from_access_key_id(access_key)
    if user is None:
        return None
    key = next(each for each in user.access_keys if each.access_key_id == access_key)
    if key.status != "Active":
        return None
    return Issued(
        credentials=Credentials(access_key=key.access_key_id, secret_key=key.secret_access_key),
        principal=Principal(name=user.name, arn=user.arn, id=user.id),
    )
