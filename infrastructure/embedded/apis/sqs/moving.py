"""Message move tasks: dead letters go back to where they came from, or to another queue, at a bounded rate.

    start ──> RUNNING ──nothing left──> COMPLETED
                 ├──cancel──> CANCELLED          a message with no way back, or a queue that is gone ──> FAILED

A moved message is a new one: its id, its time and its receives begin anew. Those in flight are not moved.
Source: Amazon SQS API Reference, StartMessageMoveTask, ListMessageMoveTasks, CancelMessageMoveTask; Developer Guide,
"dead-letter queue redrive".
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from infrastructure.embedded.apis.sqs.rules import invalid
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

MOST_A_SECOND = 500.0
"""What SQS moves when the caller does not say: "up to 500 messages per second"."""
KEPT_TASKS = 10
"""Tasks of a queue that can be listed, the newest."""
SHORTEST_PAUSE_S = 0.05

Queue = Any  # `patches.EmbeddedQueue`: that module imports moto, which is imported later than this one


@dataclass(slots=True, kw_only=True, eq=False)
class MoveTask:
    """One task. `started_at` is in Unix seconds, `looked_at` on the clock of the tasks."""

    handle: str
    source: str
    destination: str | None
    rate: int | None
    to_move: int
    started_at: float
    looked_at: float
    status: str = "RUNNING"
    moved: int = 0
    due: float = 0.0
    failure: str | None = None

    @property
    def described(self) -> Output:
        """Its entry in ListMessageMoveTasks; only one that runs has a handle to cancel it by."""
        return {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": int(self.started_at * 1000),
        }


class MoveTasks:
    """The tasks over one back end's queues. `clock` is in seconds and never goes back."""

    def __init__(self, backend: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._tasks: list[MoveTask] = []

    @operation("StartMessageMoveTask", effect="dead letters go back to their queues, 500 a second or as asked")
    def _start(self, given: Members) -> Output:
        source = self._found(given["SourceArn"], "SourceArn")
        if given.get("DestinationArn"):
            self._found(given["DestinationArn"], "DestinationArn")
        if not self._backend.list_dead_letter_source_queues(source.name):
            raise invalid("Source queue must be configured as a Dead Letter Queue.")
        if any(task.source == source.queue_arn for task in self.running()):
            raise invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given "
                "time."
            )
        rate = given.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= MOST_A_SECOND:
            raise invalid(f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: 1 to 500.")
        task = MoveTask(
            handle=str(uuid4()),
            source=source.queue_arn,
            destination=given.get("DestinationArn"),
            rate=rate,
            to_move=source.counts().visible,
            started_at=time.time(),
            looked_at=self._clock(),
            due=1.0,
        )
        self._tasks.append(task)
        self._forget_old(task.source)
        return {"TaskHandle": task.handle}

    @operation("ListMessageMoveTasks")
    def _list(self, given: Members) -> Output:
        source = self._found(given["SourceArn"], "SourceArn")
        found = [task.described for task in reversed(self._tasks) if task.source == source.queue_arn]
        return {"Results": found[: given.get("MaxResults") or 1]}

    @operation("CancelMessageMoveTask", effect="what was not moved stays")
    def _cancel(self, given: Members) -> Output:
        task = next((each for each in self.running() if each.handle == given["TaskHandle"]), None)
        if task is None:
            raise Refused("ResourceNotFoundException", "Task does not exist.", status=404)
        task.status = "CANCELLED"
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    def running(self) -> tuple[MoveTask, ...]:
        """The tasks under way."""
        return tuple(task for task in self._tasks if task.status == "RUNNING")

    def advance(self, handle: str) -> float | None:
        """Move what a task may have moved by now; seconds until it can go on, None when it is over."""
        task = next((each for each in self.running() if each.handle == handle), None)
        if task is None:
            return None
        rate, now = float(task.rate or MOST_A_SECOND), self._clock()
        task.due = min(task.due + (now - task.looked_at) * rate, max(rate, 1.0))
        task.looked_at = now
        while task.due >= 1.0 and task.status == "RUNNING":
            self._move_one(task)
        return max((1.0 - task.due) / rate, SHORTEST_PAUSE_S) if task.status == "RUNNING" else None

    def _move_one(self, task: MoveTask) -> None:
        source = self._queue(task.source)
        message = source.first() if source is not None else None
        if source is None or message is None:
            task.status = "COMPLETED" if source is not None else "FAILED"
            task.failure = None if source is not None else "AWS.SimpleQueueService.NonExistentQueue"
            return
        arn = task.destination or message.dead_letter_source
        destination = self._queue(arn) if arn else None
        if destination is None:
            task.status = "FAILED"
            task.failure = "AWS.SimpleQueueService.NonExistentQueue" if arn else "CouldNotDetermineMessageSource"
            return
        destination.add_anew(source.take_out())
        task.moved += 1
        task.due -= 1.0

    def _found(self, arn: str, parameter: str) -> Queue:
        queue = self._queue(arn)
        if queue is None:
            text = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise Refused("ResourceNotFoundException", text, status=404)
        return queue

    def _queue(self, arn: str) -> Queue | None:
        found = self._backend.queues.get(arn.rpartition(":")[2])
        return found if found is not None and found.queue_arn == arn else None

    def _forget_old(self, source: str) -> None:
        mine = [task for task in self._tasks if task.source == source]
        for task in mine[:-KEPT_TASKS]:
            self._tasks.remove(task)
