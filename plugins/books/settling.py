"""Waits until no order is under way any more: outbox empty, payment queue empty, nothing in flight."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from plugins.books.queues import QueueState, queue_state
from plugins.books.readers import Cloud, read_outbox

SLACK_S = 30.0
"""For the payment of what a visibility time-out has brought back."""

QUIET = 3
"""Empty readings in a row: on AWS the counts of a queue are approximate, and one of them proves little."""

_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Orders on their way: `outbox` not passed on yet, `queue` not paid for yet."""

    outbox: int
    queue: QueueState

    @property
    def total(self) -> int:
        return self.outbox + self.queue.total

    def __str__(self) -> str:
        return f"outbox {self.outbox}, payment queue {self.queue.waiting} waiting and {self.queue.in_flight} in flight"


def settle(
    cloud: Cloud,
    patience_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Backlog:
    """Wait until nothing is under way; what is left when for `patience_s` it did not become less.

    A queue drains as fast as it drains: only standing still has a limit, by default the queue's visibility time-out,
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
        sleep(_POLL_S)


def _backlog(cloud: Cloud) -> Backlog:
    """The outbox first: what leaves it in between is in the queue by then."""
    outbox = len(read_outbox(cloud))
    return Backlog(outbox=outbox, queue=queue_state(cloud, cloud.output("PaymentQueueUrl")))


def _patience(patience_s: float | None, left: Backlog) -> float:
    return left.queue.visibility_s + SLACK_S if patience_s is None else patience_s
