"""What SQS refuses of a request by itself: attributes of queues, contents of messages, batches.

Sources: Amazon SQS API Reference, CreateQueue, SetQueueAttributes, SendMessage, SendMessageBatch; Developer Guide,
"Amazon SQS message quotas".
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.gateway.refused import Refused

Members = Mapping[str, Any]

RANGES: Mapping[str, tuple[int, int]] = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoQueue": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_OF_FIFO = names("ContentBasedDeduplication DeduplicationScope FifoQueue FifoThroughputLimit")
_TOLD = names(
    "All ApproximateNumberOfMessages ApproximateNumberOfMessagesDelayed ApproximateNumberOfMessagesNotVisible "
    "CreatedTimestamp LastModifiedTimestamp QueueArn"
)
_OF_MESSAGES = names(
    "AWSTraceHeader ApproximateFirstReceiveTimestamp ApproximateReceiveCount DeadLetterQueueSourceArn "
    "MessageDeduplicationId MessageGroupId SenderId SentTimestamp SequenceNumber"
)
_OF_QUEUES = frozenset({*_TOLD, *_OF_FIFO, *RANGES, *_CHOICES, "KmsMasterKeyId", "Policy"}) | names(
    "RedriveAllowPolicy RedrivePolicy"
)
_MOST_ATTRIBUTES, MOST_ENTRIES, MOST_RECEIVES = 10, 10, 1_000
_NOT_CONTENT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_RESERVED = ("aws.", "amazon.")
_OWN = "AWS.SimpleQueueService."
"""How the codes of SQS's own errors begin."""


def invalid(message: str) -> Refused:
    """A value that SQS does not take."""
    return Refused("InvalidParameterValue", message)


# --- attributes of queues ---------------------------------------------------------------------------------------------


def _check_create(given: Members) -> None:
    name, attributes = given["QueueName"], given.get("Attributes") or {}
    is_fifo = str(attributes.get("FifoQueue", "false")).lower() == "true"
    if not _QUEUE_NAME.fullmatch(name) or (name.endswith(".fifo") and not is_fifo):
        raise invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
    _check_attributes(attributes, is_fifo=is_fifo)


def _check_set(given: Members) -> None:
    is_fifo = given["QueueUrl"].endswith(".fifo")
    if "FifoQueue" in given["Attributes"]:
        raise Refused("InvalidAttributeName", "Modifying queue type is not supported.")
    _check_attributes(given["Attributes"], is_fifo=is_fifo)


def _check_attributes(attributes: Members, *, is_fifo: bool) -> None:
    for name, value in attributes.items():
        if name in _TOLD or (name in _OF_FIFO and not is_fifo):
            raise Refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        if not _is_value(name, value if isinstance(value, (str, Mapping)) else str(value)):
            raise Refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
    if attributes.get("RedrivePolicy"):
        _check_redrive(attributes["RedrivePolicy"])


def _is_value(name: str, value: object) -> bool:
    text = str(value)
    if name in RANGES:
        least, most = RANGES[name]
        return bool(re.fullmatch(r"-?\d{1,10}", text, re.ASCII)) and least <= int(text) <= most
    if name in _CHOICES:
        return text in _CHOICES[name] or text.lower() in _CHOICES[name]
    if name in ("Policy", "RedriveAllowPolicy"):
        return not value or isinstance(document(value), Mapping)
    return True


def _check_redrive(value: object) -> None:
    policy, reason = document(value), ""
    if not isinstance(policy, Mapping):
        reason = "Redrive policy is not a valid JSON map."
    elif policy:
        missing = [name for name in ("maxReceiveCount", "deadLetterTargetArn") if not policy.get(name, "")]
        most = str(policy.get("maxReceiveCount", ""))
        if missing and most != "0":
            reason = f"Redrive policy does not contain mandatory attribute: {missing[0]}."
        elif not re.fullmatch(r"\d{1,4}", most, re.ASCII) or not 1 <= int(most) <= MOST_RECEIVES:
            reason = (
                f"Invalid value for maxReceiveCount: {most}, valid values are from 1 to {MOST_RECEIVES} both inclusive."
            )
    if reason:
        raise invalid(f"Value {shown(value)} for parameter RedrivePolicy is invalid. Reason: {reason}")


def document(value: object) -> object:
    """A policy as JSON, or as stacks give it; None for text that is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def shown(value: object) -> str:
    """A policy as it was given."""
    return value if isinstance(value, str) else json.dumps(value)


# --- messages ---------------------------------------------------------------------------------------------------------


def check_message(given: Members) -> None:
    """Raise `Refused` for a message, or an entry of a batch, that SQS does not take."""
    if not given["MessageBody"]:
        raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
    if _NOT_CONTENT.search(given["MessageBody"]):
        raise Refused(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to "
            "#xFFFD | #x10000 to #x10FFFF",
        )
    delay = given.get("DelaySeconds") or 0
    if not 0 <= delay <= RANGES["DelaySeconds"][1]:
        raise invalid(
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        )
    attributes = given.get("MessageAttributes") or {}
    if len(attributes) > _MOST_ATTRIBUTES:
        raise invalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST_ATTRIBUTES}]."
        )
    for name, value in attributes.items():
        _check_attribute(name, value)


def _check_attribute(name: str, value: Members) -> None:
    if name.lower().startswith(_RESERVED):
        raise invalid("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. They are reserved.")
    kind = value["DataType"].partition(".")[0]
    if not value.get("BinaryValue" if kind == "Binary" else "StringValue"):
        raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
    if kind == "Number":
        try:
            Decimal(value["StringValue"])
        except InvalidOperation:
            raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.") from None


def _check_batch(given: Members) -> None:
    """What fails a batch as a whole; an entry may fail by itself."""
    entries = given["Entries"]
    if not entries:
        raise Refused(f"{_OWN}EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MOST_ENTRIES:
        text = f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        raise Refused(f"{_OWN}TooManyEntriesInBatchRequest", text)
    ids = [each["Id"] for each in entries]
    if not all(map(_ENTRY_ID.fullmatch, ids)):
        raise Refused(
            f"{_OWN}InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 "
            "letters long.",
        )
    twice = next((each for place, each in enumerate(ids) if each in ids[:place]), None)
    if twice is not None:
        raise Refused(f"{_OWN}BatchEntryIdsNotDistinct", f"Id {twice} repeated.")


def _check_receive(given: Members) -> None:
    """AttributeNames are those of messages; the model has those of queues, which are passed over."""
    asked = given.get("AttributeNames") or []
    if not isinstance(asked, list) or not all(isinstance(each, str) for each in asked):
        raise Refused("SerializationException", "AttributeNames can not be converted to a list")
    unknown = next((each for each in asked if each not in _OF_MESSAGES | _OF_QUEUES), None)
    if unknown is not None:
        raise Refused("InvalidAttributeName", f"Unknown Attribute {unknown}.")


RULES: Mapping[str, Callable[[Members], None]] = {
    "ChangeMessageVisibilityBatch": _check_batch,
    "CreateQueue": _check_create,
    "DeleteMessageBatch": _check_batch,
    "ReceiveMessage": _check_receive,
    "SendMessage": check_message,
    "SendMessageBatch": _check_batch,
    "SetQueueAttributes": _check_set,
}
