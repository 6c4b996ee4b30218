"""RDS: Aurora PostgreSQL clusters of real servers, one writer and its readers.

    record (moto) ──wanted──▶ AuroraCluster ──states, roles──▶ record
                                   └──endpoints──▶ Envoy: 127.0.0.1 the writer, 127.0.0.2 the readers, one port for both

Roles stand with the servers; the record follows them.
"""

import functools
import json
import logging
from collections.abc import Collection, Iterator, Mapping
from typing import ClassVar

from infrastructure.embedded import lags
from infrastructure.embedded.apis.rds.api import RdsCalls, Record
from infrastructure.embedded.apis.rds.cluster import AuroraCluster
from infrastructure.embedded.apis.rds.events import Events
from infrastructure.embedded.apis.rds.member import Credentials, Member, Wanted
from infrastructure.embedded.apis.rds.metrics import RdsMetrics
from infrastructure.embedded.apis.rds.provision import set_password
from infrastructure.embedded.control.context import Context, SetPassword
from infrastructure.embedded.control.database_clusters import HOST, READER_HOST
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.engines.postgres.engine import PostgresEngine
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.edges import Place
from infrastructure.errors import EnvironmentFault

_log = logging.getLogger(__name__)

WRITER, READER = "aurora-writer", "aurora-reader"
"""The names by which services know the platform's database."""
_STATES: Mapping[str, str] = {
    "new": "creating",
    "running": "available",
    "rebooting": "rebooting",
    "stopping": "stopping",
    "down": "rebooting",
}


class RdsController:
    """Runs the servers of every Aurora PostgreSQL cluster; the `Owner` of each."""

    name: ClassVar[str] = "rds"
    watches: ClassVar[frozenset[str]] = frozenset({"rds"})
    PARTS: ClassVar[tuple[type, ...]] = (RdsCalls, Events)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backend = context.backends.rds
        self._engine = PostgresEngine(context.supervisor, context.ports, context.state)
        self._calls = RdsCalls(context.backends, self._engine.allocate)
        context.backends.operations.bind(self.name, self._calls, self._calls.events)
        context.couplings.master_passwords.append(self._password_of)
        self._fleet = Fleet(
            wanted=self._records,
            make=lambda identity, record: AuroraCluster(identity, record.port, self._engine, self),
            is_of=lambda record, cluster: record.port == cluster.port,  # each creation has a port of its own
            step=self._step,
            remove=self._remove,
            changed=self.changed,
        )
        self._entrances = Entrances(context, self.name, WRITER, READER)
        self._passwords: dict[str, str] = {}
        self._metrics = RdsMetrics(context.metrics, self._fleet.running, self.wake)
        context.supervisor.on_exit(self._on_exit)

    def _password_of(self, arn: str) -> SetPassword | None:
        found = [each.resource_id for each in self._records().values() if each.arn == arn]
        return functools.partial(self.set_master_password, found[0]) if found else None

    async def set_master_password(self, cluster_id: str, password: str) -> None:
        """Change the master user's password in the running cluster; returns once it counts, open sessions stay open.

        `EnvironmentFault` when the cluster is unknown or has no writer now: nothing has changed then. The same when the
        writer does not answer, as in a failover: then nobody knows, and the same password is to be set again.
        """
        cluster = self._fleet.running.get(cluster_id.lower())
        record = self._records().get(cluster_id.lower())
        if cluster is None or record is None or not cluster.writers or cluster.writer is None:
            raise EnvironmentFault(
                f"the master password of {cluster_id} cannot be changed: "
                f"{'it has no writer now' if record is not None else 'there is no such Aurora PostgreSQL cluster'}; "
                "`describe-db-clusters` shows what there is"
            )
        asked = cluster.writer
        try:
            await set_password(asked.node, str(record.master_username), password)
        except OSError as silence:  # TimeoutError is one
            raise EnvironmentFault(
                f"the master password of {cluster_id} may not have been changed: its writer {asked.id} does not answer "
                f"({str(silence) or type(silence).__name__}); `describe-db-clusters` shows which instance writes now"
            ) from silence
        self._calls.events.note("RDS-EVENT-0016", record)

    # --- the controller's part ----------------------------------------------------------------------------------------

    def keys(self) -> Collection[str]:
        """The clusters, and the ports of all of them together under the controller's own name."""
        return {self.name: None, **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        try:
            return await self._fleet.reconcile(key)
        finally:
            self._release_ports()

    def _release_ports(self) -> None:
        """Give back the ports of clusters that are gone, refused ones and those nobody has ever looked at included."""
        held = {record.port for record in self._records().values()}
        held |= {cluster.port for cluster in (*self._fleet.running.values(), *self._fleet.leaving.values())}
        for port in self._calls.ports - held:
            self._calls.ports.remove(port)
            self._engine.release(port)

    async def _step(self, record: Record, cluster: AuroraCluster) -> None:
        requests = self._calls.requests
        reboots = requests.reboots & cluster.members.keys()
        switches = cluster.switches
        wanted = list(self._wanted(record))
        self._give_up_failover(cluster, {each.id for each in wanted})
        is_failover = cluster.id in requests.failovers
        try:
            await cluster.step(
                wanted,
                failover=is_failover,
                target=requests.failovers.get(cluster.id),
                reboots=reboots,
                is_stopped=record.status in ("stopping", "stopped"),
            )
            await self._follow_password(record, cluster)
        finally:
            requests.reboots -= reboots
            if is_failover and cluster.switches != switches:  # one that was asked for meanwhile is still to be done
                requests.failovers.pop(cluster.id, None)

    def _give_up_failover(self, cluster: AuroraCluster, wanted: set[str]) -> None:
        """Forget a failover whose readers were all deleted since it was asked for; the cluster would wait for ever."""
        if cluster.id not in self._calls.requests.failovers or cluster.writer is None:
            return
        target = self._calls.requests.failovers[cluster.id]
        readers = wanted - {cluster.writer.id}
        if readers and target in (None, *readers):
            return
        del self._calls.requests.failovers[cluster.id]
        if target != cluster.writer.id:  # else it is the writer already
            self.note_event("RDS-EVENT-0069", cluster.id)

    def _records(self) -> dict[str, Record]:
        """The clusters whose servers run here, by id."""
        return {record.resource_id: record for record in self._backend.clusters.values() if record.status != "deleting"}

    def _wanted(self, record: Record) -> Iterator[Wanted]:
        for member in record.members:
            if member.status != "deleting":
                yield Wanted(
                    id=member.resource_id,
                    arn=member.arn,
                    az=member.availability_zone,
                    instance_class=member.db_instance_class,
                    tier=member.promotion_tier,
                )

    async def _follow_password(self, record: Record, cluster: AuroraCluster) -> None:
        """A password that was given by ModifyDBCluster counts too; a managed one changes by its rotation alone."""
        given = _given_password(record)
        known = self._passwords.setdefault(cluster.id, given)
        if given != known and cluster.writers:
            await self.set_master_password(cluster.id, self.credentials(cluster.id).password)
            self._passwords[cluster.id] = given

    async def _remove(self, cluster: AuroraCluster) -> None:
        self._passwords.pop(cluster.id, None)
        self._calls.requests.failovers.pop(cluster.id, None)
        await cluster.remove()

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == "postgres":
            self.wake()

    def unsettled(self) -> tuple[str, ...]:
        """Clusters and instances that are not what they are to be."""
        reasons = []
        for identity, record in self._records().items():
            cluster = self._fleet.running.get(identity)
            if record.status not in ("available", "stopped"):
                reasons.append(f"database cluster {identity} is {record.status}")
            elif cluster is not None and record.status == "available" and not cluster.is_available:
                reasons.extend(
                    f"database {m.id} is not ready yet" for m in cluster.members.values() if not m.is_running
                )
        return tuple(reasons)

    async def close(self) -> None:
        """Kill every server."""
        self._entrances.close()
        await self._metrics.asking.close()
        await all_of("rds", (cluster.close() for cluster in self._fleet.clear()))

    # --- the owner's part ---------------------------------------------------------------------------------------------

    def credentials(self, cluster: str) -> Credentials:
        record = self._records()[cluster]
        secret = getattr(record, "master_user_secret", None)
        if secret is None:
            password = str(record._master_user_password)
        else:
            password = str(json.loads(secret.secret.secret_string)["password"])
        return Credentials(
            username=str(record.master_username), password=password, database=str(record.database_name or "")
        )

    def note_event(self, event_id: str, cluster: str, instance: str = "", name: str = "") -> None:
        record = self._backend.databases.get(instance) if instance else self._backend.clusters.get(cluster)
        if record is not None:  # else it is gone, and with it whoever would ask
            self._calls.events.note(event_id, record, name)

    def wake(self) -> None:
        self._context.wake(self.name)

    def changed(self) -> None:
        """Publish where the endpoints lead, and write roles and states into the record."""
        entrances: list[Entrance] = []
        for record, cluster in self._fleet.matched():
            for member in cluster.members.values():
                self._write_instance(record, cluster, member)
            self._write_cluster(record, cluster)
            entrances += _entrances(record, cluster, lags.WRITER_NAME.at(self._context.pace))
        self._entrances.publish(entrances)

    def _write_instance(self, record: Record, cluster: AuroraCluster, member: Member) -> None:
        instance = self._backend.databases.get(member.id)
        if instance is None or instance.status == "deleting":
            return
        instance.port = member.node.spec.port
        instance.is_cluster_writer = member is cluster.writer
        if record.status == "stopped":
            instance.status = "stopped"
        elif member.id not in self._calls.requests.reboots:
            known = "starting" if member.is_known else "creating"
            instance.status = known if member.phase == "starting" else _STATES[member.phase]

    def _write_cluster(self, record: Record, cluster: AuroraCluster) -> None:
        if record.status == "stopping":
            if not any(member.node.is_alive for member in cluster.members.values()):
                record.status = "stopped"
                self._calls.events.note("RDS-EVENT-0150", record)
        elif record.status == "starting" and cluster.is_available:
            record.status = "available"
            self._calls.events.note("RDS-EVENT-0151", record)
        elif cluster.is_switching or cluster.id in self._calls.requests.failovers:
            record.status = "failing-over"
        elif record.status == "failing-over" or (record.status == "creating" and cluster.is_available):
            record.status = "available"


def _entrances(record: Record, cluster: AuroraCluster, stale_s: float) -> Iterator[Entrance]:
    """Writer and reader endpoints; the writer's name is stale for `stale_s` after each change."""
    roles = ((WRITER, HOST, cluster.writers, stale_s), (READER, READER_HOST, cluster.readers, 0.0))
    for role, host, servers, stale in roles:
        yield Entrance(
            name=role.replace("-", f"-{cluster.id}-"),
            host=host,
            port=cluster.port,
            servers=servers,
            known_as=role if is_platforms(record.tags) else "",
            url="postgresql://{host}:{port}/" + (record.database_name or "postgres"),
            stale_s=stale,
            place=Place(groups=tuple(record.vpc_security_group_ids), port=5432),
        )


def _given_password(record: Record) -> str:
    """What tells one given master password from another: the secret that holds it, or itself."""
    secret = getattr(record, "master_user_secret", None)
    return str(secret.secret_arn) if secret is not None else str(record._master_user_password)
