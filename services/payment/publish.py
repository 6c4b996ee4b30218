"""Whom payment notifies: the stream of order events, the queue of points, and the dead letters of what never can be."""

import base64
from collections.abc import Sequence
from typing import Final, Protocol

import orjson

from services.chassis.aws.blocking import BlockingCaller
from services.payment.domain import Capture, accrual_message, decimal
from services.payment.messages import Message

_SQS_BATCH: Final = 10
"""What SendMessageBatch takes at most."""


class Announcements(Protocol):
    """Somebody who has to hear of every capture, at least once. `name` for a person: "the stream", for one."""

    @property
    def name(self) -> str: ...

    def publish(self, captures: Sequence[Capture]) -> set[str]:
        """Pass `captures` on; the ids of the orders that were taken. `AwsError`."""
        ...


class PaidEvents:
    """`order_paid` on the Kinesis stream: at least once, a customer's in one shard."""

    name = "the stream"

    def __init__(self, kinesis: BlockingCaller, stream: str) -> None:
        self._kinesis = kinesis
        self._stream = stream

    def publish(self, captures: Sequence[Capture]) -> set[str]:
        """Publish up to 500 captures; the order ids that were taken. `AwsError` when none was."""
        if not captures:
            return set()
        records = [
            {"Data": base64.b64encode(_event(capture)).decode(), "PartitionKey": capture.demand.customer_id}
            for capture in captures
        ]
        answer = self._kinesis.call("PutRecords", {"StreamName": self._stream, "Records": records})
        results = answer.get("Records")
        if not isinstance(results, list):
            return set()
        return {
            capture.demand.order_id
            for capture, result in zip(captures, results, strict=True)
            if not result.get("ErrorCode")
        }


class Accruals:
    """Messages that ask for an order's points: at least once, a customer's in their order."""

    name = "the points' queue"

    def __init__(self, sqs: BlockingCaller, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def publish(self, captures: Sequence[Capture]) -> set[str]:
        """Send a message for each; the order ids that were taken. `AwsError` when it was not even asked for all."""
        taken: set[str] = set()
        for first in range(0, len(captures), _SQS_BATCH):
            taken |= self._send(captures[first : first + _SQS_BATCH])
        return taken

    def _send(self, captures: Sequence[Capture]) -> set[str]:
        entries = [
            {
                "Id": str(number),
                "MessageBody": accrual_message(capture),
                "MessageGroupId": capture.demand.customer_id,
                "MessageDeduplicationId": capture.demand.order_id,
            }
            for number, capture in enumerate(captures)
        ]
        answer = self._sqs.call("SendMessageBatch", {"QueueUrl": self._queue_url, "Entries": entries})
        taken = answer.get("Successful")
        if not isinstance(taken, list):
            return set()
        return {captures[int(one["Id"])].demand.order_id for one in taken}


class DeadLetters:
    """The dead-letter queue, for messages that would only come back."""

    def __init__(self, sqs: BlockingCaller, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def bury(self, message: Message, reason: str) -> None:
        """Send `message` on, as it is, with why; `AwsError`. Sent twice within five minutes it arrives once."""
        self._sqs.call(
            "SendMessage",
            {
                "QueueUrl": self._queue_url,
                "MessageBody": message.body,
                "MessageGroupId": message.group or message.message_id,
                "MessageDeduplicationId": message.deduplication_id,
                "MessageAttributes": {"reason": {"DataType": "String", "StringValue": reason[:1000]}},
            },
        )


def _event(capture: Capture) -> bytes:
    demand = capture.demand
    return orjson.dumps(
        {
            "type": "order_paid",
            "order_id": demand.order_id,
            "customer_id": demand.customer_id,
            "store_id": demand.store_id,
            "total_amount": decimal(demand.amount_cents),
            "authorization_id": capture.authorization_id,
            "correlation_id": demand.correlation_id,
            "at": capture.captured_at,
        }
    )
