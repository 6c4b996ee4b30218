"""Secrets of master users that an API manages for its clusters: made, and gone, with the cluster or its setting.

Their rotation is Secrets Manager's. Source: AWS Secrets Manager User Guide, "Secrets managed by other AWS services".
"""

import json
from collections.abc import Mapping
from typing import Any

Secret = Any  # moto's, as its back end is, which publish no types

OWNER_TAG = "aws:secretsmanager:owningService"
CLUSTER_TAGS: Mapping[str, str] = {
    "rds": "aws:rds:primaryDBClusterArn",
    "redshift": "aws:redshift:primaryClusterArn",
}
"""By the service that manages a secret the tag that tells of which cluster it is; DocumentDB's service is `rds`."""


def make(  # one secret, and all that is in it
    backend: Any,
    service: str,
    *,
    name: str,
    cluster_arn: str,
    username: str,
    password: str,
    description: str,
    key: str | None,
) -> Secret:
    """The secret of a cluster's master user; `key` is the KMS key, AWS's own when it is None."""
    return backend.create_managed_secret(
        service_name=service,
        secret_id=name,
        secret_string=json.dumps({"username": username, "password": password}),
        description=description,
        kms_key_id=key,
        tags=[{"Key": CLUSTER_TAGS[service], "Value": cluster_arn}],
    )


def forget(backend: Any, arn: str) -> None:
    """Delete one at once: it goes with what it is of."""
    backend.delete_secret(arn, recovery_window_in_days=None, force_delete_without_recovery=True)


def pending(secret: Secret) -> str | None:
    """The version that a rotation has made and that does not count yet; None when none is under way."""
    versions = secret.versions.items()
    return next((str(version) for version, held in versions if "AWSPENDING" in held["version_stages"]), None)


def status(secret: Secret) -> str:
    """As RDS and DocumentDB show it beside their cluster."""
    return "active" if pending(secret) is None else "rotating"


def cluster_arn(secret: Secret) -> str | None:
    """Of the cluster whose master user it is; None of a secret that nobody manages."""
    owner = tags(secret).get(OWNER_TAG, "")
    return tags(secret).get(CLUSTER_TAGS.get(owner, ""))


def tags(secret: Secret) -> dict[str, str]:
    """Those of any secret, by key."""
    return {tag["Key"]: tag["Value"] for tag in getattr(secret, "tags", None) or ()}
