"""Waits until no order is under way any more: outbox and queues empty, nothing in flight, the stream read."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from plugins.books.queues import QueueState, queue_state
from plugins.books.readers import Cloud, read_outbox
from plugins.books.unread import unread

SLACK_S = 30.0
"""For the payment of what a visibility time-out has brought back."""

QUIET = 3
"""Empty readings in a row: on AWS the counts of a queue are approximate, and one of them proves little."""

_POLL_S, _STREAM_POLL_S = 0.1, 0.5
"""A shard answers five reads a second, to its workers and to us together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Orders on their way: `outbox` not passed on yet, `payments` not paid for yet, `points` not added yet.

    `events` are the records of the stream that its workers have not dealt with; looked at once all else is done.
    """

    outbox: int
    payments: QueueState
    points: QueueState
    events: int = 0

    @property
    def waiting(self) -> int:
        """Messages in the queues."""
        return self.payments.total + self.points.total

    @property
    def total(self) -> int:
        return self.outbox + self.waiting + self.events

    @property
    def is_all_but_read(self) -> bool:
        """Whether only the stream keeps it from being settled, or nothing does."""
        return self.outbox + self.waiting == 0

    @property
    def visibility_s(self) -> float:
        return max(self.payments.visibility_s, self.points.visibility_s)

    def __str__(self) -> str:
        queues = f"payment queue {self.payments}, points queue {self.points}"
        return f"outbox {self.outbox}, {queues}, stream {self.events} unread"


def settle(
    cloud: Cloud,
    patience_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Backlog:
    """Wait until nothing is under way; what is left when for `patience_s` it did not become less.

    A queue drains as fast as it drains: only standing still has a limit, by default the queues' visibility time-out,
    after which it comes back what a function received and died with, and `SLACK_S`. Polled, since neither target
    announces an empty queue or table.
    """
    least, since, quiet = float("inf"), clock(), 0
    while True:
        left = _backlog(cloud)
        if left.total == 0:
            quiet += 1
            if quiet == QUIET:
                return left
        else:
            quiet = 0
        if left.total < least:
            least, since = left.total, clock()
        elif left.total and clock() - since >= _patience(patience_s, left):
            return left
        sleep(_STREAM_POLL_S if left.is_all_but_read else _POLL_S)


def _backlog(cloud: Cloud) -> Backlog:
    """In the order in which an order goes its way: what leaves one of them in between is in the next by then."""
    outbox = len(read_outbox(cloud))
    payments, points = (queue_state(cloud, cloud.output(key)) for key in ("PaymentQueueUrl", "AccrualQueueUrl"))
    left = Backlog(outbox=outbox, payments=payments, points=points)
    return replace(left, events=unread(cloud)) if left.is_all_but_read else left


def _patience(patience_s: float | None, left: Backlog) -> float:
    return left.visibility_s + SLACK_S if patience_s is None else patience_s
