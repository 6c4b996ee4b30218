"""Where a call goes: cluster, database and user, as its members say it; refused in the Data API's words.

What AWS finds out only when it connects is found out here in the same place: the statement is taken, and fails.
Source: Amazon Redshift Data API Reference, "ExecuteStatement"; Management Guide, "Choosing database authentication
credentials when calling the Amazon Redshift Data API".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing import credentials
from infrastructure.embedded.moto.records import Backends

_ROLE = re.compile(r"^default$|arn:aws:iam::\d*:role/[^,;'\s]+")
_ENDPOINT = "Redshift endpoint doesn't exist in this region."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`refusal` is what the database says to whoever connects so; empty: it lets them in."""

    cluster: str
    database: str
    user: str
    secret: str = ""
    refusal: str = ""

    def described(self) -> dict[str, Any]:
        """The members that tell where something ran."""
        user = {"SecretArn": self.secret} if self.secret else {"DbUser": self.user}
        return {"ClusterIdentifier": self.cluster, "Database": self.database, **user}


class Targets:
    """Reads them, with Redshift's and Secrets Manager's records."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    def of(self, given: Mapping[str, Any]) -> Target:
        """Where the call goes; `Refused` when that cannot be told, or the cluster is not available."""
        identity = self._cluster(given)
        record = self._backends.redshift.clusters[identity]
        if record.status != "available":
            raise invalid(f"The cluster {identity} is {record.status}; statements run on an available cluster only.")
        database = given.get("ConnectedDatabase") or given.get("Database")
        if not database:
            raise invalid("Database is required.")
        if given.get("SecretArn") and given.get("DbUser"):
            raise invalid("Specify either SecretArn or DbUser, not both.")
        secret = given.get("SecretArn", "")
        user, refusal = self._by_secret(record, secret) if secret else self._by_name(record, given.get("DbUser"))
        if not refusal and database != record.db_name:
            refusal = f'FATAL: database "{database}" does not exist'
        return Target(cluster=identity, database=database, user=user, secret=secret, refusal=refusal)

    def check_role(self, cluster: str, authorization: str) -> None:
        """`LookupError` in Redshift's words when the cluster may not take the role that a COPY or UNLOAD names."""
        named = _ROLE.search(authorization)
        record = self._backends.redshift.clusters.get(cluster)
        if record is None or named is None:  # keys of a user, whose secret nobody here knows
            return
        if named[0] == "default" and not record.default_iam_role_arn:
            raise LookupError("The cluster has no default IAM role")
        if named[0] != "default" and named[0] not in record.iam_roles_arn:
            raise LookupError(f"The requested role {named[0]} is not associated to cluster")

    def _cluster(self, given: Mapping[str, Any]) -> str:
        identity, workgroup = given.get("ClusterIdentifier"), given.get("WorkgroupName")
        if identity and workgroup:
            raise invalid("Specify either ClusterIdentifier or WorkgroupName, not both.")
        if not identity and not workgroup:
            raise invalid("ClusterIdentifier or WorkgroupName is required.")
        if not identity or identity not in self._backends.redshift.clusters:
            raise invalid(_ENDPOINT)
        return str(identity)

    def _by_secret(self, record: Any, arn: str) -> tuple[str, str]:
        secrets = self._backends.secretsmanager.secrets
        found = secrets.get(arn) if arn in secrets else None
        if found is None or found.is_deleted():
            raise Refused(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", ResourceId=arn
            )
        held = _held(found)
        named = held.get("dbClusterIdentifier")
        if named is not None and named != record.cluster_identifier:
            raise invalid(f"The cluster of the secret is {named}, not {record.cluster_identifier}.")
        user = str(held["username"])
        if (user, held["password"]) != (record.master_username, record.master_user_password):
            return user, f'FATAL: password authentication failed for user "{user}"'
        return user, ""

    def _by_name(self, record: Any, user: str | None) -> tuple[str, str]:
        """Without a name it is the caller's own, who is made a user by asking."""
        if user is None:
            issued = credentials.caller.get(None)
            return f"IAM:{issued.principal.name if issued is not None else 'root'}", ""
        if user != record.master_username:
            return user, f'FATAL: user "{user}" does not exist'
        return user, ""


def _held(secret: Any) -> Mapping[str, Any]:
    try:
        held = json.loads(secret.versions[secret.default_version_id].get("secret_string") or "")
    except ValueError:
        held = None
    if not isinstance(held, dict) or not {"username", "password"} <= held.keys():
        raise invalid("The secret must be a JSON object with username and password.")
    return held


def invalid(message: str) -> Refused:
    """The Data API's refusal of what it was asked."""
    return Refused("ValidationException", message)
