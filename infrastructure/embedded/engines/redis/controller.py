"""What the controllers of Redis servers share, whichever API asks for them: their groups, figures and ends."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, Entrances
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.engines.redis.engine import RedisEngine, RedisNode
from infrastructure.embedded.engines.redis.group import Group
from infrastructure.embedded.engines.redis.reading import Reading, metrics_between
from infrastructure.embedded.host.process import Process

Record = Any  # moto's record of a group, which publishes no types


class RedisController(ABC):
    """Runs a group of servers for each record of an API; `UPSTREAM` is the name by which services know its own."""

    name: ClassVar[str]
    UPSTREAM: ClassVar[str]
    NAMESPACE: ClassVar[str]
    """Of its metrics in CloudWatch."""
    URL: ClassVar[str] = "redis://:{password}@{host}:{port}/0"
    METRICS: ClassVar[Mapping[str, str]] = {}
    """Metrics that it calls otherwise than ElastiCache."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = RedisEngine(
            context.supervisor, context.ports, context.state, context.network.password(self.UPSTREAM), self.name
        )
        self._fleet = Fleet(
            wanted=self._wanted, make=self._make, step=self._step, remove=Group.remove, changed=self._publish
        )
        self._entrances = Entrances(context, self.name, self.UPSTREAM)
        self._seen: dict[str, Reading] = {}
        self._metrics = Asking(
            context.metrics, self.NAMESPACE, self._running, self._ask, lambda each: self._seen.pop(each[0], None)
        )
        context.supervisor.on_exit(self._on_exit)

    @abstractmethod
    def _addressed(self) -> Collection[str]:
        """The ids of all that clients were given an address of."""

    @abstractmethod
    def _wanted(self) -> dict[str, Record]:
        """The records whose servers are to run, by id."""

    @abstractmethod
    def _make(self, identity: str, record: Record) -> Group:
        """The group for a record, not started yet."""

    @abstractmethod
    async def _step(self, record: Record, group: Group) -> float | None:
        """Bring the group in order, and the record to what it is."""

    @abstractmethod
    def _addresses(self, record: Record, group: Group) -> Sequence[Entrance]:
        """Where clients reach the group."""

    @abstractmethod
    def _forget(self, identity: str) -> Collection[int]:
        """Drop the record of a group that is gone; the ports that clients reached it by."""

    @staticmethod
    @abstractmethod
    def _dimensions(member: str) -> Sequence[Mapping[str, str]]:
        """Under which dimensions a member's figures are filed."""

    def keys(self) -> Collection[str]:
        """Every group; with those that were deleted before anybody looked."""
        return {**dict.fromkeys(self._addressed()), **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        look_s = await self._fleet.reconcile(key)
        if key not in self._fleet:
            for port in self._forget(key):
                self._engine.ports.release(port)
        return look_s

    def _publish(self) -> None:
        found = [entrance for record, group in self._fleet.matched() for entrance in self._addresses(record, group)]
        self._entrances.publish(found)

    def _running(self) -> list[tuple[str, RedisNode]]:
        return [each for group in self._fleet.running.values() for each in group.running()]

    async def _ask(self, asked: tuple[str, RedisNode], elapsed_s: float) -> list[Datum]:
        identity, node = asked
        before, reading = self._seen.get(identity), Reading.of(await node.info())
        self._seen[identity] = reading
        return [
            Datum(
                namespace=self.NAMESPACE,
                name=self.METRICS.get(name, name),
                value=value,
                unit=unit,
                dimensions=dimensions,
            )
            for name, value, unit in metrics_between(before, reading, elapsed_s)
            for dimensions in self._dimensions(identity)
        ]

    def _on_exit(self, process: Process) -> None:
        if process.spec.kind == "redis" and process.spec.service == self.name:
            self._context.wake(self.name)

    def unsettled(self) -> tuple[str, ...]:
        missing = self._wanted().keys() - self._fleet.running.keys()
        down = [m.id for group in self._fleet.running.values() for m in group.members if not m.is_alive]
        return tuple(f"{self.name} {name} is not running yet" for name in (*sorted(missing), *down))

    async def close(self) -> None:
        await self._metrics.close()
        await all_of(self.name, (group.kill() for group in self._fleet.clear()))
