"""A batch of SQS messages as Lambda hands it over, and which of them must come again.

Source: Lambda developer guide, "Using Lambda with Amazon SQS", with `ReportBatchItemFailures`: on a FIFO queue nothing
of a message group may be reported as done after the first of it that failed.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson


class Message(NamedTuple):
    """One message. `group` is its message group, "" on a queue that has none; this is its `receives`-th delivery."""

    message_id: str
    body: str
    group: str
    deduplication_id: str
    receipt: str = ""
    receives: int = 1

    @property
    def correlation_id(self) -> str | None:
        """The id in the body, as far as there is one: to find what the log says of a message that is not paid."""
        try:
            fields = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        found = fields.get("correlation_id") if isinstance(fields, dict) else None
        return found if isinstance(found, str) else None


class Batch:
    """The messages of one invocation in their order; remembers which have failed. `queue`: the name of their queue."""

    def __init__(self, messages: Iterable[Message], queue: str = "") -> None:
        self.messages = tuple(messages)
        self.queue = queue
        self._failed: dict[str, None] = {}

    def fail(self, message: Message) -> None:
        """`message` must come again, and all of its group that came after it."""
        later = self.messages[self.messages.index(message) :]
        same_group = (one for one in later if one is message or (message.group and one.group == message.group))
        self._failed.update((one.message_id, None) for one in same_group)

    def is_open(self, message: Message) -> bool:
        """Whether `message` may go on: neither it nor an earlier one of its group has failed."""
        return message.message_id not in self._failed

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(self._failed)

    def answer(self) -> dict[str, object]:
        """What Lambda wants to hear."""
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in self._failed]}


def read_batch(event: Mapping[str, object]) -> Batch:
    """The messages of an SQS event; `ValueError` when it is none."""
    records = event.get("Records")
    if not isinstance(records, list):
        raise ValueError("the event is not a batch of SQS messages: it has no list of Records")  # noqa: TRY004 - of our input
    messages = [_message(record) for record in records]
    return Batch(messages, queue=str(records[0].get("eventSourceARN", "")).rpartition(":")[2] if records else "")


def _message(record: object) -> Message:
    try:
        if not isinstance(record, dict) or record["eventSource"] != "aws:sqs":
            raise ValueError("a record is not from SQS")
        attributes = record["attributes"]
        return Message(
            message_id=str(record["messageId"]),
            body=str(record["body"]),
            group=str(attributes.get("MessageGroupId", "")),
            deduplication_id=str(attributes.get("MessageDeduplicationId", record["messageId"])),
            receipt=str(record.get("receiptHandle", "")),
            receives=int(attributes.get("ApproximateReceiveCount", 1)),
        )
    except KeyError as missing:
        raise ValueError(f"a record of the event has no {missing}") from None
