"""Secrets Manager: rotation of the secrets that RDS, DocumentDB and Redshift manage: a running cluster's password.

    rotate_secret ──▶ version AWSPENDING ──▶ password changed in the cluster ──▶ AWSCURRENT, the old one AWSPREVIOUS
                            ▲                       │ no writer now
                            └──── next reconcile ◀──┘

As on AWS the call returns when the rotation has begun, the old password counts until the new one does, and sessions
that are open stay so. Source: AWS Secrets Manager User Guide, "Managed rotation", "Rotation by Lambda function".
"""

import json
import logging
import secrets
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)

Secret = Any  # moto's, which publishes no types


class SecretsManagerController:
    """Carries rotations out. What is under way stands in the secret itself, as its version AWSPENDING."""

    name: ClassVar[str] = "secretsmanager"
    watches: ClassVar[frozenset[str]] = frozenset({"docdb", "rds", "redshift", "secretsmanager"})

    def __init__(self, context: "Context") -> None:
        self._backend = context.backends.secretsmanager
        self._couplings = context.couplings
        self._operations = context.backends.operations
        self._operations.bind(self.name, self)

    @operation("CreateSecret", effect="kept in memory")
    def _create(self, given: Members) -> Output:
        found = self._backend.secrets.get(given["Name"])
        if found is not None and found.is_deleted():
            raise _refused(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        return self._operations.moto(self.name, "CreateSecret", given)

    @operation(
        "RotateSecret",
        effect="of a cluster's master user: its password changes in the running cluster; any other is refused",
    )
    def _rotate(self, given: Members) -> Output:
        """Begin a rotation. The same `ClientRequestToken` again begins nothing."""
        secret = self._backend.describe_secret(given["SecretId"])
        _check(secret, given.get("RotationLambdaARN"))
        version = given.get("ClientRequestToken") or str(uuid4())
        if given.get("RotateImmediately", True) and version not in secret.versions:
            _begin(secret, version)
        _follow(secret, given.get("RotationRules") or {})
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version if version in secret.versions else None}

    def keys(self) -> Collection[str]:
        """The secrets a rotation is under way of, by ARN."""
        return self._under_way().keys()

    async def reconcile(self, key: str, /) -> None:
        """Carry out what was begun. Without a writer it waits for the next call to either API, or the slow tick."""
        secret, version = self._under_way()[key]
        arn = managed_secrets.cluster_arn(secret)
        changes = (change(arn) for change in self._couplings.master_passwords) if arn is not None else ()
        set_password = next((each for each in changes if each is not None), None)
        if set_password is None:
            return  # it goes with its cluster
        password = str(json.loads(secret.versions[version]["secret_string"])["password"])
        try:
            await set_password(password)
        except EnvironmentFault as fault:
            _log.warning("rotation of %s waits: %s", secret.name, fault)
        else:
            _finish(secret, version)

    def _under_way(self) -> dict[str, tuple[Secret, str]]:
        return {
            secret.arn: (secret, version)
            for secret in dict.values(self._backend.secrets)
            if managed_secrets.cluster_arn(secret) is not None
            and (version := managed_secrets.pending(secret)) is not None
        }


def _check(secret: Secret, rotation_lambda_arn: str | None) -> None:
    if secret.is_deleted():
        raise _refused("You tried to perform the operation on a secret that's currently marked deleted.")
    owner = managed_secrets.tags(secret).get(managed_secrets.OWNER_TAG)
    if owner in managed_secrets.CLUSTER_TAGS:
        if rotation_lambda_arn:
            raise _refused(f"A secret that {owner} manages is rotated by {owner}: leave RotationLambdaARN out.")
    elif rotation_lambda_arn or secret.rotation_lambda_arn:
        raise _refused("The embedded cloud runs no rotation functions: put another value with PutSecretValue.")
    else:
        raise _refused("No Lambda rotation function ARN is associated with this secret.")


def _begin(secret: Secret, version: str) -> None:
    if managed_secrets.pending(secret) is not None:
        raise _refused("A previous rotation isn't complete. That rotation will be reattempted.")
    current = json.loads(secret.versions[secret.default_version_id]["secret_string"])
    secret.versions[version] = {
        "createdate": int(time.time()),
        "version_id": version,
        "version_stages": ["AWSPENDING"],
        "secret_string": json.dumps({**current, "password": secrets.token_urlsafe(24)}),
    }


def _finish(secret: Secret, version: str) -> None:
    """The new password counts: move the labels, all at once."""
    held = secret.versions[version]
    secret.reset_default_version(held, version)
    held["version_stages"] = ["AWSCURRENT"]
    secret.secret_string = held["secret_string"]
    secret.rotation_requested = True
    secret.last_rotation_date = secret.last_changed_date = int(time.time())


def _follow(secret: Secret, rules: Mapping[str, Any]) -> None:
    """Keep the rules of rotation; nothing here lives for days, so none is ever due by itself."""
    if "AutomaticallyAfterDays" in rules:
        secret.auto_rotate_after_days = int(rules["AutomaticallyAfterDays"])
        secret.rotation_requested = secret.rotation_enabled = True


def _refused(message: str) -> Refused:
    return Refused("InvalidRequestException", message)
