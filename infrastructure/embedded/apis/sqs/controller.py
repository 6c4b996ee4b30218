"""SQS: the queues are in the control plane itself; what they hold and move goes to CloudWatch (AWS/SQS)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.control.metrics import Datum

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

NAMESPACE = "AWS/SQS"


class SqsController:
    """Keeps no process. Counters of a queue only grow, so what is reported is what came since the last report."""

    name: ClassVar[str] = "sqs"
    watches: ClassVar[frozenset[str]] = frozenset({"sqs"})

    def __init__(self, context: "Context") -> None:
        self._backends = context.backends
        self._reported: dict[str, tuple[int, ...]] = {}
        context.metrics.register(self._measured)

    async def reconcile(self, _key: str, /) -> None:
        queues = self._backends.sqs.queues
        self._reported = {name: counters for name, counters in self._reported.items() if name in queues}

    def _measured(self, _elapsed_s: float) -> Iterator[Datum]:
        for queue in self._backends.sqs.queues.values():
            counters = (queue.sent, queue.received, queue.deleted, queue.empty_receives)
            before = self._reported.get(queue.name, (0, 0, 0, 0))
            if any(now < then for now, then in zip(counters, before, strict=True)):
                before = (0, 0, 0, 0)  # a new queue of an old name
            self._reported[queue.name] = counters
            moved = [float(now - then) for now, then in zip(counters, before, strict=True)]
            yield from _of(queue, moved)


def _of(queue: Any, moved: list[float]) -> Iterator[Datum]:
    counts = queue.counts()
    oldest = queue.box.oldest_sent_at()
    sent, received, deleted, empty = moved
    values = {
        "NumberOfMessagesSent": sent,
        "NumberOfMessagesReceived": received,
        "NumberOfMessagesDeleted": deleted,
        "NumberOfEmptyReceives": empty,
        "ApproximateNumberOfMessagesVisible": float(counts.visible),
        "ApproximateNumberOfMessagesNotVisible": float(counts.in_flight),
        "ApproximateNumberOfMessagesDelayed": float(counts.delayed),
    }
    for name, value in values.items():
        yield _datum(name, value, "Count", queue.name)
    age = 0.0 if oldest is None else queue.clock() - oldest
    yield _datum("ApproximateAgeOfOldestMessage", age, "Seconds", queue.name)


def _datum(name: str, value: float, unit: str, queue: str) -> Datum:
    return Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions={"QueueName": queue})
