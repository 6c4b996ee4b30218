"""SQS long polling: ReceiveMessage waits here, on the event loop, until a message can be delivered or its time is up.

Source: Amazon SQS Developer Guide, "Amazon SQS short and long polling". A send, a deletion that unlocks a message group
and a visibility time-out that ends all count; so does the queue going away.
"""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.control.background import wait_within
from infrastructure.embedded.gateway.call import Answer, Call, Handler

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

LONGEST_S = 20.0


class LongPoll:
    """Holds a ReceiveMessage back until it has something to answer; everything else passes."""

    service: ClassVar[str] = "sqs"

    def __init__(self, backends: "Backends") -> None:
        self._backends = backends

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        """Wait if it has to, then pass the call on: the queue answers at once."""
        if call.action == "ReceiveMessage":
            queue = self._queue(call)
            if queue is not None:
                await _deliverable(queue, within_s=_wait_s(call, queue))
        return await handle(call)

    def _queue(self, call: Call) -> Any:
        name = str(call.parameters.get("QueueUrl", "")).rpartition("/")[2]
        return self._backends.sqs.queues.get(name)


def _wait_s(call: Call, queue: Any) -> float:
    """The call's WaitTimeSeconds, else the queue's; 0 when it is out of range, which moto then refuses."""
    asked = call.parameters.get("WaitTimeSeconds", queue.receive_message_wait_time_seconds)
    try:
        seconds = float(str(asked))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds <= LONGEST_S else 0.0


async def _deliverable(queue: Any, *, within_s: float) -> None:
    """Return once `queue` has something to deliver or is deleted, or after `within_s` seconds."""
    if within_s <= 0 or queue.box.is_deliverable(now=queue.clock()):
        return
    changed = asyncio.Event()
    queue.watchers.add(changed.set)
    ends = asyncio.get_running_loop().time() + within_s
    try:
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            changed.clear()
            next_change = queue.box.next_change_at()
            pause = left if next_change is None else min(left, max(next_change - queue.clock(), 0.001))
            await wait_within(changed, pause)
            if queue.is_deleted or queue.box.is_deliverable(now=queue.clock()):
                return
    finally:
        queue.watchers.discard(changed.set)
