"""The Aurora cluster fails over: a reader becomes the writer, and every connection to the old one is cut."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets.aurora import describe, unsettled, writing_server


@dataclass(frozen=True, slots=True, kw_only=True)
class RdsFailover:
    """Which reader takes over is the cluster's choice, by its promotion tiers; nobody moves the writer back afterwards.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverDBCluster.html
    """

    name: str = "rds-failover"
    title: str = "the Aurora cluster fails over from its writer to a reader"
    kind: Kind = "self-healing"
    reads: tuple[str, ...] = ("rds:DescribeDBClusters", "rds:DescribeDBInstances", "secretsmanager:GetSecretValue")
    writes: tuple[str, ...] = ("rds:FailoverDBCluster",)
    cluster_output: str = "AuroraClusterIdentifier"
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=180.0))  # Aurora restarts the old writer

    def plan(self, cloud: Cloud, at: float) -> Plan:
        found = describe(cloud, cloud.output(self.cluster_output))
        if len(found.writers) != 1 or len(found.members) < 2:
            raise EmptyTargetError(
                f"cluster {found.name} has the instances {found.members}, of which {found.writers} write: a failover"
                " needs one writer and a reader"
            )
        call = Call(action="rds:FailoverDBCluster", resource=found.arn)
        backup: dict[str, Json] = {"cluster": found.name, "writer": found.writers[0]}
        backup["started_at"] = writing_server(cloud).started_at
        plan = Plan(fault=self.name, targets=found.writers, calls=(call,), undo=(), backup=backup, created_at=at)
        return plan.reaching(f"the writer, 1 of {len(found.members)} instances of {found.name}, and its connections")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        cloud.client("rds").failover_db_cluster(DBClusterIdentifier=plan.saved("cluster"))

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        self.patience.until_clear(lambda: unsettled(cloud, plan.saved("cluster")))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """The record names another writer, and the writer's endpoint leads to another server that takes writes."""
        writers, old = describe(cloud, plan.saved("cluster")).writers, plan.saved("writer")
        try:
            server = writing_server(cloud)
        except psycopg.OperationalError:
            return None  # on its way: nobody answers while the roles change
        if old in writers or server.is_reader or server.started_at == plan.saved("started_at"):
            return None
        return f"the writer was {old} and is {', '.join(writers)}; its endpoint leads to another server process"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of a whole cluster. Which member writes is not in it: that is what a failover changes for good."""
        self.rollback(cloud, plan)
        found = describe(cloud, plan.saved("cluster"))
        return {"status": found.status, "members": found.members, "writers": len(found.writers)}
