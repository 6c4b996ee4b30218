"""One SendMessage to a FIFO queue that already holds 1,000 messages, as a boto3 caller sees it."""

import time
from collections.abc import Iterator
from typing import Any, ClassVar

from infrastructure.cloud import Platform

_DEPTH = 1000
_BATCH = 10


class SqsSend1000Deep:
    """The queue is made for this figure and deleted after it; every sample is one send, deeper by one each time."""

    name: ClassVar[str] = "sqs_send_1000_deep"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        sqs = platform.client("sqs")
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
        url = sqs.create_queue(QueueName="bench-depth.fifo", Attributes=attributes)["QueueUrl"]
        try:
            _fill(sqs, url)
            for number in range(max(repeats, 100)):
                started = time.perf_counter()
                sqs.send_message(QueueUrl=url, **_message(_DEPTH + number))
                yield (time.perf_counter() - started) * 1000
        finally:
            sqs.delete_queue(QueueUrl=url)


def _fill(sqs: Any, url: str) -> None:
    for first in range(0, _DEPTH, _BATCH):
        entries = [{"Id": str(number), **_message(number)} for number in range(first, first + _BATCH)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def _message(number: int) -> dict[str, str]:
    customer = f"customer-{number % 50}"
    return {"MessageBody": "x" * 256, "MessageGroupId": customer, "MessageDeduplicationId": f"bench-{number}"}
