"""moto's SQS back end, with what it does by scanning a queue handed to the queue.

Put in the place of `moto.sqs.models.SQSBackend` (moto 5.2) by `patches`.
"""

import copy
from typing import Any

from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, PurgeQueueInProgress, SQSException

from infrastructure.embedded.apis.sqs.queue import IN_FLIGHT_LIMIT

LONGEST_VISIBILITY_S = 43_200.0
PURGE_PAUSE_S = 60.0


class EmbeddedSqsBackend(models.SQSBackend):  # type: ignore[misc]  # moto publishes no types
    """The queues of one region."""

    __module__ = models.__name__  # moto looks for the URLs of a back end beside the module of its class

    recreation_pause_s = 60.0
    """After its deletion a queue's name is free again in so long; the controller sets it to the pace."""

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Any]:
        """What can be delivered now: waiting is the long-poll interceptor's business.

        `OverLimit` is for short polls of standard queues alone. Source: API Reference, ReceiveMessage.
        """
        queue = self.get_queue(queue_name)
        taken = queue.take(count, float(visibility_timeout))
        if not taken and queue.box.is_full and not wait_seconds_timeout and not queue.fifo_queue:
            raise SQSException(
                "OverLimit",
                f"{IN_FLIGHT_LIMIT} messages are in flight, the most: delete some, or let their visibility end",
            )
        return [_with_attributes(message, message_attribute_names or []) for message in taken]

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        if not 0 <= visibility_timeout <= LONGEST_VISIBILITY_S:
            raise InvalidParameterValue(
                f"Value {visibility_timeout} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and "
                f"{LONGEST_VISIBILITY_S:.0f}."
            )
        self.get_queue(queue_name).set_visibility(receipt_handle, float(visibility_timeout))

    def delete_queue(self, queue_name: str) -> None:
        queue = self.get_queue(queue_name)
        super().delete_queue(queue_name)
        queue.is_deleted = True
        queue.changed()

    def purge_queue(self, queue_name: str) -> None:
        queue = self.get_queue(queue_name)
        now = queue.clock()
        if queue.purged_at is not None and now - queue.purged_at < PURGE_PAUSE_S:
            raise PurgeQueueInProgress(queue_name)
        queue.purged_at = now
        queue.box.purge()


def _with_attributes(message: Any, names: list[str]) -> Any:
    """A copy with the message attributes that were asked for, so that the one in the queue keeps all."""
    mine = copy.copy(message)
    models._filter_message_attributes(mine, names)  # moto's own rule of AWS's patterns
    return mine
