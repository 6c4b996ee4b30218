"""The clusters on record, and how the calls find what they name in them.

Source: https://docs.aws.amazon.com/eks/latest/APIReference/
"""

import secrets
import string
import uuid
from collections.abc import Iterator
from typing import Any

from infrastructure.embedded.apis.eks.record import AccessEntry, ClusterRecord, NodeGroup
from infrastructure.embedded.gateway.operations import Members, Operations
from infrastructure.embedded.gateway.refused import Refused

Record = Any  # moto's EC2 back end, which publishes no types
_LETTERS = string.ascii_lowercase + string.digits


class Clusters:
    """All clusters by name. Networks and roles are asked of EC2's and IAM's records."""

    def __init__(self, ec2: Record, account: str, region: str, operations: Operations) -> None:
        self._ec2 = ec2
        self._account = account
        self._region = region
        self.call = operations.call
        self.all: dict[str, ClusterRecord] = {}

    def cluster(self, name: str) -> ClusterRecord:
        if name not in self.all:
            raise not_found(f"No cluster found for name: {name}.")
        return self.all[name]

    def active(self, name: str) -> ClusterRecord:
        found = self.cluster(name)
        if found.status != "ACTIVE":
            raise Refused("InvalidRequestException", f"Cluster '{name}' is not in ACTIVE status")
        return found

    def group(self, given: Members) -> NodeGroup:
        found = self.cluster(given["clusterName"]).groups.get(given["nodegroupName"])
        if found is None:
            raise not_found(f"No node group found for name: {given['nodegroupName']}.")
        return found

    def add_entry(self, cluster: ClusterRecord, principal: str) -> AccessEntry:
        who = principal.rpartition(":")[2].replace("/", f"/{self._account}/", 1)
        arn = f"{self.arn('access-entry', cluster.name)}/{who}/{uuid.uuid4()}"
        made = AccessEntry(principal=principal, arn=arn, cluster=cluster.name, user=principal)
        cluster.entries[principal] = made
        return made

    def subnets(self, ids: list[str]) -> list[Any]:
        """Those of the ids; refuses in EKS's words."""
        known = {each.id: each for each in self._ec2.describe_subnets()}
        missing = [each for each in ids if each not in known]
        if missing or not ids:
            raise invalid(f"The subnet ID '{', '.join(missing)}' does not exist")
        return [known[each] for each in ids]

    def require_role(self, arn: str) -> None:
        """EKS looks at a role before it takes it."""
        name = arn.rpartition("/")[2]
        try:
            self.call("iam", "GetRole", RoleName=name)
        except Exception as missing:
            text = f"The role with name {name} cannot be found. (Service: AmazonIdentityManagement; Status Code: 404)"
            raise invalid(text) from missing

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:eks:{self._region}:{self._account}:{kind}/{name}"

    def tagged(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every resource with its tags."""
        for cluster in self.all.values():
            yield cluster.arn, cluster.tags
            for found in (cluster.groups, cluster.entries, cluster.addons, cluster.associations):
                yield from ((each.arn, each.tags) for each in found.values())


def unique(prefix: str) -> str:
    """An identifier as EKS gives associations: `a-` and seventeen letters and digits."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(17))


def invalid(message: str) -> Refused:
    """The refusal of what makes no sense."""
    return Refused("InvalidParameterException", message)


def not_found(message: str) -> Refused:
    """The refusal of what is not there."""
    return Refused("ResourceNotFoundException", message, status=404)


def in_use(message: str) -> Refused:
    """The refusal of what is there already, or still needed."""
    return Refused("ResourceInUseException", message, status=409)
