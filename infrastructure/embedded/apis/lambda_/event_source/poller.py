"""Moves messages of one queue to one function: takes a batch when a slot is free, deletes what was processed.

    queue ──take──▶ batch ──invoke──▶ ok: deleted, but for what it reports as failed
                      ▲                 function error: left alone, comes back when its visibility ends
                      └──── held ◀───── throttled

One step looks at everything and is taken whenever something may have changed: the queue, the function's free slots, a
batch that is through, or time. Each queue's redrive policy moves messages to the dead letter queue by itself. Source:
AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.lambda_.calls import Invoker
from infrastructure.embedded.apis.lambda_.event_source import events
from infrastructure.embedded.apis.lambda_.event_source.events import Delivery
from infrastructure.embedded.apis.lambda_.event_source.scaling import Scaling
from infrastructure.embedded.apis.lambda_.event_source.settings import MappingSettings
from infrastructure.embedded.control.background import end, log_defect, wait_within
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.pace import Pace

if TYPE_CHECKING:
    from infrastructure.embedded.apis.sqs.patches import EmbeddedQueue

_log = logging.getLogger(__name__)

_RECEIVE = 10
"""What one ReceiveMessage gives at most."""
_FIRST_RETRY_S, _LONGEST_RETRY_S = 5.0, 60.0
"""Between attempts of a throttled batch, at AWS's pace; AWS publishes no figures."""
_SOONEST_S = 0.001

NONE_YET, OK, CALL_FAILED = "No records processed", "OK", "PROBLEM: Function call failed"
"""Values of LastProcessingResult."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PendingBatch:
    """Messages on their way to the function; `retry_until` is on the queue's clock."""

    queue: "EmbeddedQueue"
    deliveries: tuple[Delivery, ...]
    retry_until: float
    groups: frozenset[str]
    """The message groups in it; none of a standard queue."""


class Poller:
    """Works for one mapping from `start` to `close`. `settings` may be replaced at any time; then call `poke`."""

    def __init__(
        self,
        settings: MappingSettings,
        find_queue: Callable[[str], "EmbeddedQueue | None"],
        invoker: Invoker,
        pace: Pace,
    ) -> None:
        self.settings = settings
        self.last_result = NONE_YET
        self._find_queue = find_queue
        self._invoker = invoker
        self._longest_s = pace.seconds(_LONGEST_RETRY_S, at_least=1.0)
        self._scaling = Scaling(first_s=pace.seconds(_FIRST_RETRY_S, at_least=0.1), longest_s=self._longest_s)
        self._changed = asyncio.Event()
        self._watched: EmbeddedQueue | None = None
        self._held: deque[PendingBatch] = deque()
        self._running: dict[PendingBatch, asyncio.Task[None]] = {}
        self._starting = 0
        self._gathering_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_looked = False

    @property
    def state(self) -> str:
        """Creating, Enabled, Disabling or Disabled."""
        if not self._has_looked:
            return "Creating"
        if self.settings.is_enabled:
            return "Enabled"
        return "Disabling" if self._running else "Disabled"

    def start(self) -> None:
        self._invoker.watchers.add(self.poke)
        self._task = asyncio.create_task(self._run(), name=f"event source {self.settings.source_arn}")
        log_defect(self._task, _log, f"the poller of {self.settings.source_arn}")

    def poke(self) -> None:
        self._changed.set()

    async def drain(self) -> None:
        """Take no more, and return when what was begun is done."""
        await self._stop()
        await asyncio.gather(*self._running.values(), return_exceptions=True)  # a failed one has been logged

    async def close(self) -> None:
        """Stop at once; messages that were taken come back when their visibility ends."""
        await self._stop()
        await end(*self._running.values())

    async def _stop(self) -> None:
        self._invoker.watchers.discard(self.poke)
        task, self._task = self._task, None
        await end(task)
        self._watch(None)
        self._held.clear()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            pause = self._guarded_step()
            self._has_looked = True
            await wait_within(self._changed, pause)

    def _guarded_step(self) -> float | None:
        try:
            return self._step()
        except Exception as error:  # noqa: BLE001  a defect must not end the mapping; it is logged, and shown
            _log.exception("the event source mapping of %s cannot go on", self.settings.source_arn)
            self.last_result = f"PROBLEM: {type(error).__name__}: {error}"
            return self._longest_s

    def _step(self) -> float | None:
        """Start what can be started; in how many seconds time alone may change that (None: never)."""
        queue = self._ready_queue()
        self._watch(queue)
        if queue is None:
            self._held.clear()
            return None
        now = queue.clock()
        self._scaling.limit(self.settings.maximum_concurrency)
        for batch in [batch for batch in self._held if batch.retry_until <= now]:
            self._give_up(batch)
        self._start_held(now)
        self._take_all(queue, now)
        is_behind = not self._may_take() and queue.box.is_deliverable(now=now)
        grows_at = self._scaling.grow(now, is_behind=is_behind)
        self._take_all(queue, now)
        return self._pause(queue, now, grows_at)

    def _take_all(self, queue: "EmbeddedQueue", now: float) -> None:
        while self._may_take() and self._has_batch(queue, now):
            self._take(queue, now)

    def _ready_queue(self) -> "EmbeddedQueue | None":
        """The queue, when the mapping is enabled and both its ends are there."""
        if not self.settings.is_enabled:
            return None
        try:
            self._invoker.target(self.settings.function, self.settings.qualifier)
        except Refused as error:
            self.last_result = f"PROBLEM: {error.message}"
            return None
        queue = self._find_queue(self.settings.queue)
        if queue is None:
            self.last_result = f"PROBLEM: The queue {self.settings.source_arn} does not exist"
        return queue

    def _watch(self, queue: "EmbeddedQueue | None") -> None:
        if queue is self._watched:
            return
        if self._watched is not None:
            self._watched.watchers.discard(self.poke)
        if queue is not None:
            queue.watchers.add(self.poke)
        self._watched = queue

    def _may_take(self) -> bool:
        """Whether a poller is free to receive: it asks for no slot of the function."""
        return len(self._held) + len(self._running) < self._scaling.allowed

    def _may_start(self, now: float) -> bool:
        if len(self._running) >= self._scaling.allowed:
            return False
        free = self._invoker.free_slots(self.settings.function)
        return self._scaling.may_start(starting=self._starting, free=free, now=now)

    def _has_batch(self, queue: "EmbeddedQueue", now: float) -> bool:
        """Whether there is something to take, and enough of it, or its batching window is over."""
        if not queue.box.is_deliverable(now=now):
            self._gathering_since = None
            return False
        if self._gathering_since is None:
            self._gathering_since = now
        is_over = now - self._gathering_since >= self.settings.window_s
        return is_over or queue.box.counts(now=now).visible >= self.settings.batch_size

    def _take(self, queue: "EmbeddedQueue", now: float) -> None:
        """Receive one batch and send it on its way; what the event cannot hold goes back at once."""
        self._gathering_since = None
        visibility = float(queue.visibility_timeout)
        taken: list[Delivery] = []
        wanted = self.settings.batch_size
        while len(taken) < wanted and events.fitting(taken) == len(taken):
            # A second receive from a FIFO queue could not give what follows in the groups of the first.
            messages = queue.take(min(wanted - len(taken), _RECEIVE), visibility)
            taken += [events.delivery_of(message, source_arn=queue.queue_arn) for message in messages]
            if len(messages) < _RECEIVE:
                break
        fitting = events.fitting(taken)
        for each in taken[fitting:]:
            queue.give_back(each.receipt)
        if taken:
            timeout = self._invoker.target(self.settings.function, self.settings.qualifier).timeout_s
            # Begun any later, the invocation could outlast the visibility, and its messages would come twice.
            until = now + visibility - timeout
            groups = frozenset(each.group for each in taken[:fitting] if each.group)
            self._held.append(
                PendingBatch(queue=queue, deliveries=tuple(taken[:fitting]), retry_until=until, groups=groups)
            )
            self._start_held(now)

    def _start_held(self, now: float) -> None:
        """Start what is held, but nothing of a group that is being processed: its visibility was too short for that."""
        for batch in tuple(self._held):
            is_busy = any(batch.groups & running.groups for running in self._running)
            if not is_busy and self._may_start(now):
                self._held.remove(batch)
                self._start(batch)

    def _start(self, batch: PendingBatch) -> None:
        self._starting += 1
        task = asyncio.create_task(self._process(batch), name=f"batch of {self.settings.source_arn}")
        self._running[batch] = task
        log_defect(task, _log, f"a batch of {self.settings.source_arn}")

    async def _process(self, batch: PendingBatch) -> None:
        self._starting -= 1  # the function's own count has it from here on
        self.poke()
        settings = self.settings
        try:
            invocation = await self._invoker.invoke(
                settings.function, settings.qualifier, events.event(batch.deliveries), source="sqs"
            )
        except Refused as error:  # the function has gone since the step
            self.last_result = f"PROBLEM: {error.message}"
            return
        finally:
            # Not when the task is done: the poller may look before that, and would find its groups busy still.
            del self._running[batch]
            self.poke()
        if invocation.status == "throttled":
            self._scaling.throttled(batch.queue.clock())
            self._held.append(batch)
        else:
            self._settle(batch, invocation, settings)

    def _settle(self, batch: PendingBatch, invocation: Invocation, settings: MappingSettings) -> None:
        """Delete what was processed; the rest comes back by itself."""
        stays = events.failed(invocation, batch.deliveries, reports_failures=settings.reports_failures)
        is_ok = invocation.status == "ok"
        self.last_result = OK if is_ok else CALL_FAILED
        if is_ok or settings.reports_failures:  # AWS does not back off where failures are reported
            self._scaling.succeeded()
        else:
            self._scaling.failed()
        for each in batch.deliveries:
            if each.message_id not in stays:
                self._delete(batch.queue, each)

    def _delete(self, queue: "EmbeddedQueue", delivery: Delivery) -> None:
        try:
            queue.delete_message(delivery.receipt)
        except Exception as error:  # noqa: BLE001  moto's exceptions have no common class; any of them means the same
            _log.warning(
                "message %s of %s was processed, but not deleted, so it comes again: %s",
                delivery.message_id,
                self.settings.source_arn,
                error,
            )

    def _give_up(self, batch: PendingBatch) -> None:
        self._held.remove(batch)
        _log.warning(
            "%d messages of %s go back to the queue: %s could not take them while they were visible to nobody else",
            len(batch.deliveries),
            self.settings.source_arn,
            self.settings.function,
        )

    def _pause(self, queue: "EmbeddedQueue", now: float, grows_at: float | None) -> float | None:
        """Seconds to the next thing that time brings."""
        ends = [queue.box.next_change_at(), grows_at]
        if self._gathering_since is not None and self._may_take():
            ends.append(self._gathering_since + self.settings.window_s)
        if self._held:
            ends.append(min(batch.retry_until for batch in self._held))
        if self._held or self._gathering_since is not None:
            ends.append(self._scaling.retry_at)
        later = [end - now for end in ends if end is not None and end > now]
        return max(min(later), _SOONEST_S) if later else None
