"""What the controllers of Redis servers share, whichever API asks for them: their groups, figures and ends."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.control.fleet import Fleet
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.engines.redis.engine import RedisEngine, RedisNode
from infrastructure.embedded.engines.redis.group import Group, RedisMember
from infrastructure.embedded.engines.redis.reading import Reading, metrics_between
from infrastructure.embedded.host.process import Process
from infrastructure.embedded.network.edges import Place

Record = Any  # moto's record of a group, which publishes no types
Node = tuple[str, str, bool]
"""A member's id and zone, and whether it is the primary."""


class RedisController(ABC):
    """Runs a group of servers for each record of an API.

    Its one part has the operations: made of moto's back end, the operations of all and what gives a free port, its
    `ports` are by group what clients reach it by.
    """

    name: ClassVar[str]
    PARTS: ClassVar[tuple[type, ...]]
    NAMESPACE: ClassVar[str]
    """Of its metrics in CloudWatch."""
    URL: ClassVar[str] = "redis://:{password}@{host}:{port}/0"
    METRICS: ClassVar[Mapping[str, str]] = {}
    """Metrics that it calls otherwise than ElastiCache."""
    IS_DURABLE: ClassVar[bool] = False
    """Whether the servers write append-only files."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = RedisEngine(
            context.supervisor, context.ports, context.state, context.network.password(self.name), self.name
        )
        self._backend: Record = getattr(context.backends, self.name)
        operations = context.backends.operations
        self._calls: Any = self.PARTS[0](self._backend, operations, self._engine.ports.allocate)
        operations.bind(self.name, self._calls)
        self._fleet = Fleet(
            wanted=self._wanted, make=self._make, step=self._step, remove=Group.remove, changed=self._publish
        )
        self._entrances = Entrances(context, self.name, self.name)
        self._seen: dict[str, Reading] = {}
        self._metrics = Asking(
            context.metrics, self.NAMESPACE, self._running, self._ask, lambda each: self._seen.pop(each[0], None)
        )
        context.supervisor.on_exit(self._on_exit)

    @abstractmethod
    def _wanted(self) -> dict[str, Record]:
        """The records whose servers are to run, by id."""

    @abstractmethod
    def _nodes(self, identity: str, record: Record) -> Iterable[Node]:
        """The nodes of a group that is not started yet."""

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
        return {**dict.fromkeys(self._calls.ports), **dict.fromkeys(self._fleet.keys())}

    async def reconcile(self, key: str, /) -> float | None:
        look_s = await self._fleet.reconcile(key)
        if key not in self._fleet:
            for port in self._forget(key):
                self._engine.ports.release(port)
        return look_s

    def _make(self, identity: str, record: Record) -> Group:
        allocate, nodes = self._engine.ports.allocate, self._nodes(identity, record)
        return Group(
            id=identity,
            service=self.name,
            node_type=getattr(record, "cache_node_type", None) or record.node_type,
            members=[RedisMember(name, az, allocate(), is_primary) for name, az, is_primary in nodes],
            engine=self._engine,
            changed=self._role_changed,
            logs=self._engine.logs(f"{self.name}-{identity}") if self.IS_DURABLE else None,
            tokens=self._tokens(identity),
        )

    def _tokens(self, _identity: str) -> tuple[str, ...]:
        """What its servers let clients in with; none: with the password of all."""
        return ()

    def _role_changed(self, _group: Group) -> None:
        self._publish()

    def _entrance(self, record: Record, group: Group, port: int, tags: Iterable[Mapping[str, str]]) -> Entrance:
        """Where clients reach the primary; services know the one that the platform's tags are on by the API's name."""
        return Entrance(
            name=f"{self.name}-{group.id}",
            port=port,
            servers=(group.primary.endpoint,),
            known_as=self.name if is_platforms(tags) else "",
            url=self.URL,
            place=Place(groups=tuple(record.security_group_ids or ()), port=6379),
        )

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
        self._entrances.close()
        await self._metrics.close()
        await all_of(self.name, (group.kill() for group in self._fleet.clear()))
