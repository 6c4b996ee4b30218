"""Where the relay hands rows on: the payments queue and the stream of order events."""

import base64
from collections.abc import Sequence
from typing import Final, Protocol

from services.chassis.aws import Caller
from services.order.outbox import Row

BATCH: Final = 10
"""SendMessageBatch takes no more; PutRecords would take 500, but one batch serves both."""


class Channel(Protocol):
    """Takes rows; may see a row twice and must count it once."""

    async def send(self, rows: Sequence[Row]) -> set[str]:
        """Hand on up to `BATCH` rows; the order ids that were taken. Raises `AwsError` when none was."""
        ...


class PaymentQueue:
    """SQS FIFO: a customer's orders in their order (message group), each once in five minutes (de-duplication id)."""

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
