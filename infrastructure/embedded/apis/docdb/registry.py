"""The records of DocumentDB's clusters and instances, and what is still to be done to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.docdb.record import ClusterRecord, InstanceRecord
from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.gateway.operations import Members
from infrastructure.embedded.gateway.refused import Refused


class Registry:
    """`clusters`, by id. `prefix` is how their ARNs begin; `secrets` is Secrets Manager's back end, moto's."""

    def __init__(self, prefix: str, secrets: Any) -> None:
        self.prefix = prefix
        self._secrets = secrets
        self.clusters: dict[str, ClusterRecord] = {}
        self.failovers: dict[str, str | None] = {}
        """Cluster id to the instance that is to be primary, or None for any."""
        self.reboots: set[str] = set()
        """Instance ids."""

    def instances(self) -> Iterator[tuple[ClusterRecord, InstanceRecord]]:
        """Every instance, with its cluster."""
        return ((cluster, each) for cluster in self.clusters.values() for each in cluster.instances.values())

    def owns(self, _action: str, form: Mapping[str, object]) -> bool:
        """Whether a call is about one of these records, and not about one of RDS'."""
        named = {str(form.get(each, "")).lower() for each in ("DBClusterIdentifier", "DBInstanceIdentifier")}
        own = {*self.clusters, *(each.id for _, each in self.instances()), *map(str.lower, self.tags())}
        return bool(named & own) or str(form.get("ResourceName", "")) in self.tags()

    def tags(self) -> dict[str, dict[str, str]]:
        """Those of each resource, by ARN."""
        clusters = {each.arn: each.tags for each in self.clusters.values()}
        return clusters | {each.arn: each.tags for _, each in self.instances()}

    def tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """For the tagging API."""
        return iter(self.tags().items())

    def cluster(self, given: Members) -> ClusterRecord:
        """The one that a call names."""
        wanted = str(given.get("DBClusterIdentifier", ""))  # FailoverDBCluster's model does not require it, AWS does
        if not wanted:
            raise Refused("MissingParameter", "The request must contain the parameter DBClusterIdentifier.")
        found = [each for each in self.clusters.values() if wanted.lower() == each.id or wanted == each.arn]
        if not found:
            raise Refused("DBClusterNotFoundFault", f"DBCluster {wanted} not found.", status=404)
        return found[0]

    def instance(self, given: Members) -> tuple[ClusterRecord, InstanceRecord]:
        """The one that a call names, with its cluster."""
        wanted = str(given["DBInstanceIdentifier"])
        found = [pair for pair in self.instances() if wanted.lower() == pair[1].id or wanted == pair[1].arn]
        if not found:
            raise Refused("DBInstanceNotFound", f"DBInstance {wanted} not found.", status=404)
        return found[0]

    def forget(self, identity: str) -> None:
        """Drop the record of a cluster that is gone, and with it its managed secret."""
        cluster = self.clusters.pop(identity, None)
        self.failovers.pop(identity, None)
        if cluster is not None and cluster.secret is not None:
            managed_secrets.forget(self._secrets, cluster.secret.arn)
