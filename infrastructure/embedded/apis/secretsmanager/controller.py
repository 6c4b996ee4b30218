"""Secrets Manager: rotation of the secrets that RDS manages, which changes the password in the running cluster.

    rotate_secret ──▶ version AWSPENDING ──▶ password changed in the cluster ──▶ AWSCURRENT, the old one AWSPREVIOUS
                            ▲                       │ no writer now
                            └──── next reconcile ◀──┘

As on AWS the call returns when the rotation has begun, the old password counts until the new one does, and sessions
that are open stay so. Source: AWS Secrets Manager User Guide, "Managed rotation", "Rotation by Lambda function".
"""

import json
import logging
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from infrastructure.embedded.moto.refusals import refusal
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)

_OWNER_TAG = "aws:secretsmanager:owningService"
_CLUSTER_TAG = "aws:rds:primaryDBClusterArn"
_LONGEST_DAYS = 1000

Secret = Any  # moto's, which publishes no types


class SecretsManagerController:
    """Carries rotations out. What is under way stands in the secret itself, as its version AWSPENDING."""

    name: ClassVar[str] = "secretsmanager"
    watches: ClassVar[frozenset[str]] = frozenset({"rds", "secretsmanager"})

    def __init__(self, context: "Context") -> None:
        self._backend = context.backends.secretsmanager
        self._rds = context.backends.rds
        self._backend.rotate_secret = self.rotate_secret

    def rotate_secret(
        self,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: Mapping[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        """Begin a rotation; the answer's document. The same `client_request_token` again begins nothing."""
        secret = self._backend.describe_secret(secret_id)
        self._check(secret, rotation_lambda_arn)
        _follow(secret, rotation_rules or {})
        version = client_request_token or str(uuid4())
        if rotate_immediately and version not in secret.versions:
            self._begin(secret, version)
        return str(secret.to_short_dict(version_id=version if version in secret.versions else None))

    def _check(self, secret: Secret, rotation_lambda_arn: str | None) -> None:
        if secret.is_deleted():
            raise _refused("You tried to perform the operation on a secret that's currently marked deleted.")
        if _tags(secret).get(_OWNER_TAG) == "rds":
            if rotation_lambda_arn:
                raise _refused("A secret that RDS manages is rotated by RDS: leave RotationLambdaARN out.")
        elif rotation_lambda_arn or secret.rotation_lambda_arn:
            raise _refused("The embedded cloud runs no rotation functions: put another value with PutSecretValue.")
        else:
            raise _refused("No Lambda rotation function ARN is associated with this secret.")

    def _begin(self, secret: Secret, version: str) -> None:
        if any("AWSPENDING" in each["version_stages"] for each in secret.versions.values()):
            raise _refused("A previous rotation isn't complete. That rotation will be reattempted.")
        from infrastructure.embedded.apis.rds.patches import new_password

        current = json.loads(secret.versions[secret.default_version_id]["secret_string"])
        secret.versions[version] = {
            "createdate": int(time.time()),
            "version_id": version,
            "version_stages": ["AWSPENDING"],
            "secret_string": json.dumps({**current, "password": new_password()}),
        }

    def keys(self) -> Collection[str]:
        """The secrets a rotation is under way of, by ARN."""
        return self._under_way().keys()

    async def reconcile(self, key: str, /) -> None:
        """Carry out what was begun. Without a writer it waits for the next call to either API, or the slow tick."""
        secret, version = self._under_way()[key]
        cluster = self._cluster(secret)
        if cluster is None:
            return  # it goes with its cluster
        password = str(json.loads(secret.versions[version]["secret_string"])["password"])
        try:
            await self._rds.cafe_calls.set_master_password(cluster, password)
        except EnvironmentFault as fault:
            _log.warning("rotation of %s waits: %s", secret.name, fault)
        else:
            _finish(secret, version)

    def _under_way(self) -> dict[str, tuple[Secret, str]]:
        return {
            secret.arn: (secret, version)
            for secret in dict.values(self._backend.secrets)
            if _tags(secret).get(_OWNER_TAG) == "rds"
            for version, held in secret.versions.items()
            if "AWSPENDING" in held["version_stages"]
        }

    def _cluster(self, secret: Secret) -> str | None:
        """The id of the cluster whose master user the secret is."""
        arn = _tags(secret).get(_CLUSTER_TAG)
        return next((identity for identity, record in self._rds.clusters.items() if record.arn == arn), None)


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
    days = rules.get("AutomaticallyAfterDays")
    if days is None:
        return
    if not 1 <= int(days) <= _LONGEST_DAYS:
        raise refusal(
            "secretsmanager",
            "InvalidParameterException",
            f"RotationRules.AutomaticallyAfterDays must be within 1-{_LONGEST_DAYS}.",
        )
    secret.auto_rotate_after_days = int(days)
    secret.rotation_requested = secret.rotation_enabled = True


def _tags(secret: Secret) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in getattr(secret, "tags", None) or ()}


def _refused(message: str) -> Exception:
    return refusal("secretsmanager", "InvalidRequestException", message)
