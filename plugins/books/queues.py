"""The queues of payments and points and their dead letters, looked at and left as they are.

The queues are only counted: receiving from one would keep messages from the payment function for a while and bring
each nearer to `maxReceiveCount`. A dead-letter queue has no consumer and no redrive of its own, so its messages can
be received and given back.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.books.entries import DeadLetter
from plugins.books.readers import Cloud

BATCH = 10
"""The most SQS hands out, or gives back, in one call."""

PEEK_S = 30
"""How long a look may take; a look that was cut off leaves the messages out of sight for so long."""

DEAD_LETTERS = ("PaymentDeadLetterQueueUrl", "AccrualDeadLetterQueueUrl")
"""The outputs that say where the dead letters are."""

WAY_OUT = "empty their queue (aws sqs purge-queue), or take the platform down and bring up a new one (cafe down)"
"""What ends the letters of earlier runs."""

_BODY = 300
"""Characters of a body that are kept."""

_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """Messages of a queue that wait, and that somebody has received and not yet deleted.

    `visibility_s` is after how long the latter come back.
    """

    waiting: int
    in_flight: int
    visibility_s: float

    @property
    def total(self) -> int:
        return self.waiting + self.in_flight

    def __str__(self) -> str:
        return f"{self.waiting} waiting and {self.in_flight} in flight"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """What lies in the dead-letter queues: the letters that could be seen, and how many there are."""

    letters: tuple[DeadLetter, ...]
    total: int

    @property
    def hidden(self) -> int:
        """Those that SQS shows nobody now: received elsewhere, or behind the first ten of their group."""
        return max(self.total - len(self.letters), 0)

    def unseen(self, ours: Collection[str | None], before: int | None) -> int:
        """Of those that cannot be seen, how many may be of the orders `ours`: none, while no more letters came than are
        seen of them. `before` is how many lay there before the first of the orders; None where nobody knows.
        """
        if before is None:
            return self.hidden
        seen = sum(letter.order_id in ours for letter in self.letters)
        return min(self.hidden, max(self.total - before - seen, 0))


def count_dead_letters(cloud: Cloud) -> int | None:
    """How many lie in the dead-letter queues now; None where that cannot be told."""
    try:
        return sum(queue_state(cloud, cloud.output(key)).total for key in DEAD_LETTERS)
    except Exception:  # noqa: BLE001 - whatever it was: the run goes on, and its books say what they cannot know
        return None


def queue_state(cloud: Cloud, url: str) -> QueueState:
    """Count the messages of the queue at `url`. On AWS the counts are approximate and seconds late (SQS Developer
    Guide, "Available CloudWatch metrics": ApproximateNumberOf…)."""
    names = [*_COUNTS, "VisibilityTimeout"]
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    visible, in_flight, delayed = (int(found.get(name, 0)) for name in _COUNTS)
    return QueueState(
        waiting=visible + delayed, in_flight=in_flight, visibility_s=float(found.get("VisibilityTimeout", 30))
    )


def read_dead_letters(cloud: Cloud) -> DeadLetters:
    """Look at every dead letter and give it back. The queues are as before, but for receive counts."""
    found = [_looked_at(cloud, cloud.output(key)) for key in DEAD_LETTERS]
    letters = tuple(letter for each in found for letter in each.letters)
    return DeadLetters(letters=letters, total=sum(each.total for each in found))


def _looked_at(cloud: Cloud, url: str) -> DeadLetters:
    sqs, total = cloud.client("sqs"), queue_state(cloud, url).total
    seen: list[Mapping[str, Any]] = []
    try:
        while len(seen) < total and (batch := _receive(sqs, url)):
            seen += batch
    finally:
        _give_back(sqs, url, seen)
    letters = {message["MessageId"]: _letter(message) for message in seen}
    return DeadLetters(letters=tuple(letters.values()), total=total)


def _receive(sqs: Any, url: str) -> list[Mapping[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=PEEK_S,
        WaitTimeSeconds=0,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    messages: list[Mapping[str, Any]] = answer.get("Messages", [])
    return messages


def _give_back(sqs: Any, url: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Last received first, so that no message of a group is to be had before an older one."""
    for batch in _batches(messages[::-1]):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, message in enumerate(batch)
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _batches(messages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for first in range(0, len(messages), BATCH):
        yield messages[first : first + BATCH]


def _letter(message: Mapping[str, Any]) -> DeadLetter:
    body = _object(message["Body"])
    reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
    return DeadLetter(
        message_id=message["MessageId"],
        group=message["Attributes"].get("MessageGroupId", ""),
        order_id=_name(body, "order_id"),
        correlation_id=_name(body, "correlation_id"),
        reason=reason or None,
        receives=int(message["Attributes"].get("ApproximateReceiveCount", 0)),
        body=message["Body"][:_BODY],
    )


def _object(body: str) -> Mapping[str, object]:
    """The JSON object of a body; empty for anything else, since a malformed message is what may lie here."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _name(body: Mapping[str, object], field: str) -> str | None:
    value = body.get(field)
    return value if isinstance(value, str) and value else None
