"""SQS: the queues are in the control plane itself; what they hold and move goes to CloudWatch (AWS/SQS)."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.apis.sqs.moving import MoveTasks
from infrastructure.embedded.control.metrics import Datum

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

NAMESPACE = "AWS/SQS"


class SqsController:
    """Keeps no process; message move tasks are its objects.

    Counters of a queue only grow, so what is reported is what came since the last report.
    """

    name: ClassVar[str] = "sqs"
    watches: ClassVar[frozenset[str]] = frozenset({"sqs"})
    PARTS: ClassVar[tuple[type, ...]] = (MoveTasks,)

    def __init__(self, context: "Context") -> None:
        self._backends = context.backends
        self._moving = MoveTasks(self._backends.sqs)
        self._backends.operations.bind(self.name, self._moving)
        self._backends.sqs.recreation_pause_s = context.pace.seconds(60.0)
        self._reported: dict[str, tuple[int, ...]] = {}
        context.metrics.register(self._measured)

    def keys(self) -> Collection[str]:
        """Its own name, for what is reported; and the handles of the tasks that move messages."""
        return (self.name, *(task.handle for task in self._moving.running()))

    async def reconcile(self, key: str, /) -> float | None:
        """Let a task go on, or forget what was reported of queues that are gone."""
        if key != self.name:
            return self._moving.advance(key)
        queues = self._backends.sqs.queues
        self._reported = {name: counters for name, counters in self._reported.items() if name in queues}
        return None

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
