"""Redshift: a warehouse for each cluster, which runs unless the cluster is paused.

    creating ──▶ available ──▶ pausing ──▶ paused ──▶ resuming ──▶ available
                     └───────▶ rebooting ──▶ available          └─▶ deleting ──▶ gone

Only the controller makes a state of what is on its way. A process that dies is started again, on its data.
"""

import functools
from collections.abc import Collection
from typing import ClassVar

from infrastructure.embedded.apis.redshift.api import Record, RedshiftCalls
from infrastructure.embedded.apis.redshift.metrics import RedshiftMetrics
from infrastructure.embedded.control.context import Context, SetPassword
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.engines.warehouse.engine import ACCOUNT, WarehouseEngine, WarehouseSpec
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse
from infrastructure.embedded.host.process import Process
from infrastructure.errors import EnvironmentFault

_SETTLED = frozenset({"available", "paused"})


class RedshiftController:
    """Runs the warehouses of all clusters."""

    name: ClassVar[str] = "redshift"
    watches: ClassVar[frozenset[str]] = frozenset({"redshift"})
    PARTS: ClassVar[tuple[type, ...]] = (RedshiftCalls,)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backend = context.backends.redshift
        self._engine = WarehouseEngine(context.supervisor, context.ports, context.state)
        self._calls = RedshiftCalls(context.backends, self._engine.ports.allocate)
        context.backends.operations.bind(self.name, self._calls)
        context.couplings.warehouse = self.warehouse
        context.couplings.master_passwords.append(self._password_of)
        self._fleet = Fleet(
            wanted=self._wanted, make=self._make, step=self._step, remove=Warehouse.remove, changed=self._publish
        )
        self._entrances = Entrances(context, self.name, self.name)
        self._metrics = RedshiftMetrics(context.metrics, self._fleet)
        context.supervisor.on_exit(self._on_exit)

    def warehouse(self, cluster: str) -> Warehouse | None:
        """The warehouse of a cluster; None when there is no such cluster, or it is only being made."""
        return self._fleet.running.get(cluster)

    def _password_of(self, arn: str) -> SetPassword | None:
        found = [identity for identity, each in self._wanted().items() if each.arn == arn]
        return functools.partial(self.set_master_password, found[0]) if found else None

    async def set_master_password(self, cluster_id: str, password: str) -> None:
        """Change what the master user is let in with; `EnvironmentFault` while the cluster is not available."""
        record = self._wanted().get(cluster_id)
        if record is None or record.status != "available":
            status = record.status if record is not None else "gone"
            raise EnvironmentFault(f"the master password of {cluster_id} cannot be changed: the cluster is {status}")
        record.master_user_password = password

    def keys(self) -> Collection[str]:
        """Every cluster; with those that were deleted before anybody looked."""
        return {**dict.fromkeys(self._calls.ports), **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        look_s = await self._fleet.reconcile(key)
        if key not in self._fleet:
            port = self._calls.forget(key)
            if port is not None:
                self._engine.ports.release(port)
        return look_s

    def _wanted(self) -> dict[str, Record]:
        return {k: each for k, each in self._backend.clusters.items() if each.status != "deleting"}

    def _make(self, identity: str, record: Record) -> Warehouse:
        spec = WarehouseSpec(
            id=f"redshift-{identity}",
            resource=record.arn,
            database=record.db_name,
            port=self._engine.ports.allocate(),
            az=record.availability_zone,
        )
        return Warehouse(spec, self._engine)

    async def _step(self, record: Record, warehouse: Warehouse) -> None:
        if record.status in ("pausing", "paused"):
            await warehouse.stop("The cluster was paused")
            record.status = "paused"
            return
        if record.status == "rebooting":
            await warehouse.stop("The cluster was rebooted")
        elif record.status == "available" and not warehouse.is_running:
            record.status = "rebooting"  # nobody asked for it; the word is Redshift's for what is seen
        await warehouse.start()
        if record.status != "deleting":
            record.status = "available"

    def _publish(self) -> None:
        found = [self._entrance(record, warehouse) for record, warehouse in self._fleet.matched()]
        self._entrances.publish(found)

    def _entrance(self, record: Record, warehouse: Warehouse) -> Entrance:
        """Services know the one that the platform's tags are on by the API's name."""
        node = warehouse.node
        return Entrance(
            name=f"redshift-{record.cluster_identifier}",
            port=record.port,
            servers=(node.endpoint,) if node is not None and node.is_alive else (),
            known_as=self.name if is_platforms(record.tags) else "",
            url="redshift://{host}:{port}/" + record.db_name,
        )

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == ACCOUNT:
            self._context.wake(self.name)

    def unsettled(self) -> tuple[str, ...]:
        """Clusters that are not what they are to be."""
        return tuple(
            f"redshift cluster {identity} is {record.status}"
            for identity, record in self._wanted().items()
            if record.status not in _SETTLED
            or (
                record.status == "available"
                and not (identity in self._fleet and self._fleet.running[identity].is_running)
            )
        )

    async def close(self) -> None:
        self._entrances.close()
        await self._metrics.close()
        await all_of(self.name, (warehouse.kill() for warehouse in self._fleet.clear()))
