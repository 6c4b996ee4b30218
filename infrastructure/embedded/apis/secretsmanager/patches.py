"""UpdateSecret that is given no value leaves the value as it is.

Replaces in `moto.secretsmanager.models` (moto 5.2): `SecretsManagerBackend.update_secret`, which empties the secret's
value when only its description or key is to change.
"""

from typing import Any

from moto.secretsmanager import models
from moto.secretsmanager.exceptions import InvalidRequestException, SecretNotFoundException

_moto_update_secret = models.SecretsManagerBackend.update_secret


def _update_secret(
    self: Any,
    secret_id: str,
    secret_string: str | None = None,
    secret_binary: str | None = None,
    client_request_token: str | None = None,
    kms_key_id: str | None = None,
    description: str | None = None,
) -> Any:
    if secret_string is not None or secret_binary is not None:
        token = client_request_token
        return _moto_update_secret(self, secret_id, secret_string, secret_binary, token, kms_key_id, description)
    if secret_id not in self.secrets:
        raise SecretNotFoundException
    secret = self.secrets[secret_id]
    if secret.is_deleted():
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    secret.description = secret.description if description is None else description
    secret.kms_key_id = kms_key_id or secret.kms_key_id
    return secret.to_short_dict()


def install() -> None:
    """Replace it."""
    models.SecretsManagerBackend.update_secret = _update_secret
