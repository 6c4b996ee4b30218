"""Where the relay hands rows on: the payments queue and the stream of order events."""

import base64
from collections.abc import Sequence
from typing import Protocol

from services.chassis.aws.json_apis import Caller
from services.order.outbox.table import Row


class Channel(Protocol):
    """Takes rows; may see a row twice and must count it once."""

    @property
    def batch(self) -> int:
        """How many rows it takes at a time."""
        ...

    async def send(self, rows: Sequence[Row]) -> set[str]:
        """Hand on up to `batch` rows; the order ids that were taken. Raises `AwsError` when none was."""
        ...


class PaymentQueue:
    """SQS FIFO: a customer's orders in their order (message group), each once in five minutes (de-duplication id)."""

    batch = 10
    """SendMessageBatch takes no more."""

    def __init__(self, sqs: Caller, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    async def send(self, rows: Sequence[Row]) -> set[str]:
        entries = [
            {
                "Id": str(index),
                "MessageBody": row.message(),
                "MessageGroupId": row.customer_id,
                "MessageDeduplicationId": row.order_id,
            }
            for index, row in enumerate(rows)
        ]
        answer = await self._sqs.call("SendMessageBatch", {"QueueUrl": self._queue_url, "Entries": entries})
        taken = answer.get("Successful")
        return {rows[int(entry["Id"])].order_id for entry in taken} if isinstance(taken, list) else set()


class OrderStream:
    """Kinesis: at least once; consumers count an order id once."""

    batch = 500
    """PutRecords takes no more."""

    def __init__(self, kinesis: Caller, stream: str) -> None:
        self._kinesis = kinesis
        self._stream = stream

    async def send(self, rows: Sequence[Row]) -> set[str]:
        records = [{"Data": base64.b64encode(row.event()).decode(), "PartitionKey": row.order_id} for row in rows]
        answer = await self._kinesis.call("PutRecords", {"StreamName": self._stream, "Records": records})
        results = answer.get("Records")
        if not isinstance(results, list):
            return set()
        return {row.order_id for row, result in zip(rows, results, strict=True) if not result.get("ErrorCode")}
