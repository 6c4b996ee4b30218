"""Every running node is asked once a period, and its figures filed under the API's own namespace and dimensions."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.engines.redis.engine import RedisNode
from infrastructure.embedded.engines.redis.reading import Reading, metrics_between

Dimensions = Callable[[str], Sequence[Mapping[str, str]]]
"""Under which dimensions the figures of a node (by its id) are filed."""


class RedisMetrics:
    """`names`: metrics that the API calls otherwise than ElastiCache."""

    def __init__(
        self,
        metrics: Metrics,
        namespace: str,
        running: Callable[[], Iterable[tuple[str, RedisNode]]],
        dimensions: Dimensions,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._namespace = namespace
        self._dimensions = dimensions
        self._names = names or {}
        self._seen: dict[str, Reading] = {}
        self.asking = Asking(metrics, namespace, running, self._ask, lambda each: self._seen.pop(each[0], None))

    async def _ask(self, asked: tuple[str, RedisNode], elapsed_s: float) -> list[Datum]:
        identity, node = asked
        before, reading = self._seen.get(identity), Reading.of(await node.info())
        self._seen[identity] = reading
        return [
            Datum(
                namespace=self._namespace,
                name=self._names.get(name, name),
                value=value,
                unit=unit,
                dimensions=dimensions,
            )
            for name, value, unit in metrics_between(before, reading, elapsed_s)
            for dimensions in self._dimensions(identity)
        ]
