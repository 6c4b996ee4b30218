"""When messages that failed come again: soon at first, and later each time.

Lambda leaves what a function reports as failed to the queue's visibility time-out, a minute. Source: Lambda developer
guide, "Using Lambda with Amazon SQS"; SQS developer guide, "Amazon SQS visibility timeout", on changing it.
"""

import logging
import random
from typing import Final

from services.chassis.aws.blocking import BlockingCaller
from services.chassis.aws.errors import AwsError
from services.payment.messages import Batch

FIRST_PAUSE_S: Final = 1

_log = logging.getLogger(__name__)


class Pauses:
    """Of one queue. A pause is as long as the one before and the same again, `longest_s` seconds at most."""

    def __init__(self, sqs: BlockingCaller, queue_url: str, *, longest_s: int) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._longest_s = longest_s

    def spread(self, batch: Batch) -> None:
        """Set when what has failed of `batch` comes again. When that fails, the visibility time-out holds."""
        failed = [message for message in batch.messages if not batch.is_open(message)]
        if not failed:
            return
        pause = pause_s(max(message.receives for message in failed), self._longest_s)
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": pause}
            for number, message in enumerate(failed)
        ]
        try:
            self._sqs.call("ChangeMessageVisibilityBatch", {"QueueUrl": self._queue_url, "Entries": entries})
        except AwsError as error:
            _log.warning("messages come again after the queue's own time", extra={"error": str(error)})


def pause_s(receives: int, longest_s: int) -> int:
    """Whole seconds until a message that was received so often comes again: doubled each time, half of it chance."""
    ceiling = min(FIRST_PAUSE_S << min(max(receives - 1, 0), 16), longest_s)
    return max(round(random.uniform(ceiling / 2, ceiling)), 1)  # noqa: S311 - jitter is no secret
