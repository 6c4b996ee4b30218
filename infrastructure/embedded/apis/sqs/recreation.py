"""A queue's name is not free at once when it was deleted.

Source: Amazon SQS API Reference, DeleteQueue: "you must wait at least 60 seconds before creating a queue with the same
name". Stacks need not, whose calls pass no interceptors: CloudFormation does the waiting.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

_TEXT = "You must wait 60 seconds after deleting a queue before you can create another with the same name."


class Recreation:
    """Refuses CreateQueue for a name that was deleted too short a while ago. `clock` never goes back."""

    service: ClassVar[str] = "sqs"

    def __init__(self, backends: "Backends", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._backends = backends
        self._clock = clock
        self._deleted_at: dict[str, float] = {}

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        if call.action not in ("CreateQueue", "DeleteQueue"):
            return await handle(call)
        if call.action == "CreateQueue":
            if self._is_recent(str(call.parameters.get("QueueName"))):
                return error(call, "AWS.SimpleQueueService.QueueDeletedRecently", _TEXT)
            return await handle(call)
        answer = await handle(call)
        if answer.is_success:
            self._deleted_at[str(call.parameters.get("QueueUrl")).rpartition("/")[2]] = self._clock()
        return answer

    def _is_recent(self, name: str) -> bool:
        now, sqs = self._clock(), self._backends.sqs
        self._deleted_at = {k: at for k, at in self._deleted_at.items() if now - at < sqs.recreation_pause_s}
        return name in self._deleted_at and name not in sqs.queues
