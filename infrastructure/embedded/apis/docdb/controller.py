"""DocumentDB: the servers of every cluster.

    record ──wanted──▶ DocumentCluster ──roles, states──▶ record
                             ├──endpoints──▶ Envoy: 127.0.0.1 the primary, 127.0.0.2 the replicas, one port for both
                             └──greetings──▶ each server: by which addresses a client's own edge leads to each member

Roles stand with the servers; the record follows them.
"""

import functools
from collections.abc import Collection, Iterator
from typing import ClassVar
from urllib.parse import quote

from infrastructure.embedded.apis.docdb.api import ClusterCalls
from infrastructure.embedded.apis.docdb.instances import InstanceCalls
from infrastructure.embedded.apis.docdb.metrics import DocumentDbMetrics
from infrastructure.embedded.apis.docdb.record import ClusterRecord
from infrastructure.embedded.control.context import Context, SetPassword
from infrastructure.embedded.control.database_clusters import HOST, READER_HOST
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.engines.documents.cluster import DocumentCluster, Faces, Wanted
from infrastructure.embedded.engines.documents.engine import ACCOUNT, DocumentEngine
from infrastructure.embedded.engines.documents.role import SET
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.edges import Place
from infrastructure.errors import EnvironmentFault

KNOWN_AS = "documentdb"
"""The name by which services know the platform's."""
PORT = 27017
LOOK_S = 1.0
"""How often a primary is looked at, and a server that could not be told what it is."""


class DocumentDbController:
    """Runs the servers of every cluster; its key is the cluster's id."""

    name: ClassVar[str] = "docdb"
    watches: ClassVar[frozenset[str]] = frozenset({"docdb"})
    PARTS: ClassVar[tuple[type, ...]] = (ClusterCalls, InstanceCalls)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = DocumentEngine(context.supervisor, context.ports, context.state)
        calls = ClusterCalls(context.backends, self._engine.ports.allocate)
        self._noted = calls.records
        context.backends.operations.bind(self.name, calls, InstanceCalls(calls.records, context.backends.rds))
        context.backends.operations.tag(self._noted.tagged)
        context.owners[self.name] = self._noted.owns
        context.couplings.master_passwords.append(self._password_of)
        self._fleet = Fleet(
            wanted=self._records,
            make=lambda identity, _record: DocumentCluster(id=identity, engine=self._engine, changed=self._changed),
            step=self._step,
            remove=DocumentCluster.remove,
            changed=self._changed,
        )
        self._entrances = Entrances(context, self.name, KNOWN_AS)
        self._metrics = DocumentDbMetrics(context.metrics, self._fleet.running)
        context.supervisor.on_exit(self._on_exit)
        context.network.follow(KNOWN_AS, self._wake)

    def _wake(self) -> None:
        self._context.wake(self.name)

    def _records(self) -> dict[str, ClusterRecord]:
        return {k: each for k, each in self._noted.clusters.items() if each.status != "deleting"}

    def keys(self) -> Collection[str]:
        """Every cluster; with those that were deleted before anybody looked."""
        return {**dict.fromkeys(self._noted.clusters), **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        look_s = await self._fleet.reconcile(key)
        record = self._noted.clusters.get(key)
        if record is not None and record.status == "deleting" and key not in self._fleet:
            self._engine.ports.release(record.port)
            self._noted.forget(key)
        return look_s

    async def _step(self, record: ClusterRecord, cluster: DocumentCluster) -> float | None:
        if record.status in ("stopping", "stopped"):
            await cluster.stop()
            return None
        cluster.admit(record.username, record.password)
        cluster.faces = functools.partial(self._faces, record)
        reboots = self._noted.reboots & cluster.members.keys()
        if cluster.id in self._noted.failovers and cluster.writer is not None:
            await cluster.promote(self._noted.failovers[cluster.id])
            del self._noted.failovers[cluster.id]
        wanted = [each for each in record.instances.values() if each.status != "deleting"]
        try:
            await cluster.step(
                [Wanted(id=each.id, resource=each.arn, az=each.zone, tier=each.tier) for each in wanted],
                reboots=reboots,
            )
        finally:
            self._noted.reboots -= reboots
        for each in [each for each in record.instances.values() if each.status == "deleting"]:
            record.instances.pop(each.id, None)
        return LOOK_S if cluster.members else None

    def _faces(self, record: ClusterRecord) -> Faces:
        """The platform's own is reached by edges."""
        return self._context.network.faces(KNOWN_AS) if is_platforms(record.tags) else {}

    def _password_of(self, arn: str) -> SetPassword | None:
        found = [each for each in self._records().values() if each.arn == arn]
        return functools.partial(self._set_password, found[0]) if found else None

    async def _set_password(self, record: ClusterRecord, password: str) -> None:
        """Have every server let the master user in with it; sessions that are open stay open."""
        cluster = self._fleet.running.get(record.id)
        if cluster is None or cluster.writer is None:
            raise EnvironmentFault(f"the master password of {record.id} cannot be changed: it has no primary now")
        record.password = password
        cluster.admit(record.username, password)
        if not await cluster.tell():
            raise EnvironmentFault(f"the master password of {record.id} does not count yet: a server does not answer")
        self._changed()

    # --- what the world sees ------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Publish where the endpoints lead, and write roles and states into the records."""
        entrances: list[Entrance] = []
        for record, cluster in self._fleet.matched():
            self._write(record, cluster)
            entrances += self._addresses(record, cluster)
            if is_platforms(record.tags):
                members = {each.id: each.endpoint for each in cluster.members.values() if each.is_alive}
                self._context.network.set_members(KNOWN_AS, members, tuple(cluster.members), _place(record))
        self._entrances.publish(entrances)

    def _write(self, record: ClusterRecord, cluster: DocumentCluster) -> None:
        record.primary = cluster.primary
        for each in record.instances.values():
            member = cluster.members.get(each.id)
            each.port = member.port if member is not None else 0
            if each.status == "deleting" or each.id in self._noted.reboots:
                continue
            if record.status in ("stopping", "stopped"):
                each.status = "stopped" if member is None or not member.is_alive else "stopping"
            elif member is not None and member.told is not None and member.is_alive:
                each.status = "available"
            elif each.status == "available":
                each.status = "rebooting"
        if record.status == "stopping" and not cluster.running():
            record.status = "stopped"
        elif cluster.id in self._noted.failovers:
            record.status = "failing-over"
        elif record.status in ("creating", "starting", "failing-over") and cluster.writer is not None:
            record.status = "available"

    def _addresses(self, record: ClusterRecord, cluster: DocumentCluster) -> Iterator[Entrance]:
        """The cluster's endpoint and the readers'; services know the one that the platform's tags are on."""
        writer, readers = cluster.writer, tuple(each.endpoint for each in cluster.readers)
        writers = (writer.endpoint,) if writer is not None else ()
        who = f"{quote(record.username, safe='')}:{quote(record.password, safe='')}"
        yield Entrance(
            name=f"docdb-{record.id}",
            host=HOST,
            port=record.port,
            servers=writers,
            known_as=KNOWN_AS if is_platforms(record.tags) else "",
            url=f"mongodb://{who}@{{host}}:{{port}}/?replicaSet={SET}",
            place=_place(record),
            is_announced=True,
        )
        yield Entrance(name=f"docdb-{record.id}-reader", host=READER_HOST, port=record.port, servers=readers or writers)

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == ACCOUNT:
            self._wake()

    def unsettled(self) -> tuple[str, ...]:
        """Clusters and instances that are not what they are to be."""
        records = self._records().values()
        clusters = [
            f"DocumentDB cluster {r.id} is {r.status}" for r in records if r.status not in ("available", "stopped")
        ]
        found = [each for r in records if r.status == "available" for each in r.instances.values()]
        return (*clusters, *(f"DocumentDB instance {i.id} is {i.status}" for i in found if i.status != "available"))

    async def close(self) -> None:
        self._entrances.close()
        await self._metrics.asking.close()
        await all_of(self.name, (cluster.kill() for cluster in self._fleet.clear()))


def _place(record: ClusterRecord) -> Place:
    return Place(groups=record.groups, port=PORT)
