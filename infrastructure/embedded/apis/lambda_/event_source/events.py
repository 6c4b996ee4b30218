"""SQS messages as the event a function gets, and what the function's answer says of them. Pure.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS" (example events) and "Handling errors for an SQS
event source" (success and failure conditions of partial batch responses).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from infrastructure.embedded.engines.functions.report import Invocation

LARGEST_PAYLOAD = 6 << 20
"""Bytes of a synchronous invocation's event: a batch ends before it."""
_FRAME = len(b'{"Records":[]}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery of a message: what is needed to delete it, and its record in the event, as JSON."""

    message_id: str
    receipt: str
    record: bytes
    group: str = ""


def delivery_of(message: Any, *, source_arn: str) -> Delivery:
    """The delivery a queue has just made. `message` is the queue's own and changes with its next delivery."""
    record: dict[str, Any] = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": _attributes(message),
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = message.attribute_md5
    record |= {"eventSource": "aws:sqs", "eventSourceARN": source_arn, "awsRegion": source_arn.split(":")[3]}
    group = message.group_id or "" if message.sequence_number else ""  # a standard queue's groups lock nothing
    return Delivery(message_id=message.id, receipt=message.receipt_handle, record=orjson.dumps(record), group=group)


def event(batch: Sequence[Delivery]) -> bytes:
    """The payload of the invocation for `batch`, in its order."""
    return b'{"Records":[' + b",".join(each.record for each in batch) + b"]}"


def fitting(batch: Sequence[Delivery]) -> int:
    """How many of `batch`, from its start, one event can hold; at least one."""
    size = _FRAME
    for count, each in enumerate(batch):
        size += len(each.record) + 1
        if size > LARGEST_PAYLOAD and count:
            return count
    return len(batch)


def failed(invocation: Invocation, batch: Sequence[Delivery], *, reports_failures: bool) -> frozenset[str]:
    """The ids of the messages that stay in the queue after an invocation that ran.

    All of them when the function failed, or when what it reports makes no sense: nothing is deleted by mistake.
    """
    everything = frozenset(each.message_id for each in batch)
    if invocation.status != "ok":
        return everything
    if not reports_failures:
        return frozenset()
    reported = _reported(invocation.payload)
    return everything if reported is None or not reported <= everything else reported


def _reported(payload: bytes) -> frozenset[str] | None:
    """The item identifiers in a partial batch response; None when it is not one."""
    try:
        answer = orjson.loads(payload or b"null")
    except orjson.JSONDecodeError:
        return None
    if answer is None:
        return frozenset()
    if not isinstance(answer, dict):
        return None
    items = answer.get("batchItemFailures")
    if items is None:
        return frozenset()
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    found = [item.get("itemIdentifier") for item in items]
    return frozenset(found) if all(isinstance(each, str) and each for each in found) else None


def _attributes(message: Any) -> dict[str, str]:
    """The message's system attributes, in the order of AWS's example events; all are strings."""
    trace = message.system_attributes.get("AWSTraceHeader", {}).get("StringValue")
    values = {
        "ApproximateReceiveCount": message.approximate_receive_count,
        "AWSTraceHeader": trace,
        "SentTimestamp": message.sent_timestamp,
        "SequenceNumber": message.sequence_number,
        "MessageGroupId": message.group_id,
        "SenderId": message.sender_id,
        "MessageDeduplicationId": message.deduplication_id,
        "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
        "DeadLetterQueueSourceArn": message.dead_letter_source,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    """A message attribute in the event's own spelling; binary values are base64."""
    shaped: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        shaped["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        raw = value["BinaryValue"]
        shaped["binaryValue"] = base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw
    return {**shaped, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
