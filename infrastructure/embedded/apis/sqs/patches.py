"""SQS on `sqs_queue.MailBox`: constant cost a call, and AWS's rules where moto bends them.

Replaces `moto.sqs.models.Queue`, `Message` and `SQSBackend` (moto 5.2) by subclasses, before any queue exists. moto
scans all messages held on every send to a FIFO queue (124 ms at 800 deep), on every receive, delete and count; keeps
every receipt handle it ever gave; forgets de-duplication ids with the message; and blocks the process while it
polls. Here waiting is the long-poll interceptor's business: a receive answers at once.
"""

import base64
import binascii
import copy
import json
import time
from collections.abc import Callable  # noqa: TC003  # one rule for annotations in the package: at run time
from typing import Any, ClassVar
from uuid import uuid4

from moto.core.utils import camelcase_to_underscores
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException

from infrastructure.embedded.apis.sqs import rules
from infrastructure.embedded.apis.sqs.backend import EmbeddedSqsBackend
from infrastructure.embedded.apis.sqs.queue import (
    Counts,
    Deduplication,
    HeldMessage,
    MailBox,
    ReceiptExpired,
    ReceiptUnknown,
)


class EmbeddedMessage(models.Message):  # type: ignore[misc]  # moto publishes no types
    """moto's message; its state of delivery is the mailbox's, copied in when it is delivered."""

    approximate_first_receive_timestamp: int | None
    dead_letter_source: str | None = None
    """ARN of the queue that gave it up."""

    def mark_delivered(self, receipt_handle: str, receives: int) -> None:
        first = self.approximate_first_receive_timestamp
        self.receipt_handle = receipt_handle
        self.approximate_receive_count = receives
        self.approximate_first_receive_timestamp = int(time.time() * 1000) if first is None else first


class EmbeddedQueue(models.Queue):  # type: ignore[misc]  # moto publishes no types
    """moto's queue with a mailbox inside. `watchers` are called when a message may have become deliverable."""

    _attribute_names: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, region: str, account_id: str, **kwargs: Any) -> None:
        super().__init__(name, region, account_id, **kwargs)
        self.box: MailBox[EmbeddedMessage] = MailBox(is_fifo=bool(self.fifo_queue))
        self.seen = Deduplication()
        self.clock: Callable[[], float] = time.monotonic
        """What visibility, delays, retention and de-duplication go by: a clock that is set makes none of them end."""
        self.watchers: set[Callable[[], None]] = set()
        self.is_deleted = False
        self.purged_at: float | None = None
        self.sent = 0
        self.received = 0
        self.deleted = 0
        self.empty_receives = 0

    @property
    def attributes(self) -> dict[str, Any]:
        """As moto gives them; it converts each name by regular expressions on every call, several calls a send."""
        names = self._attribute_names
        wanted = [*self.BASE_ATTRIBUTES, *(self.FIFO_ATTRIBUTES if self.fifo_queue else ())]
        if self.kms_master_key_id:
            wanted += self.KMS_ATTRIBUTES
        for name in wanted:
            if name not in names:
                names[name] = camelcase_to_underscores(name)
        found = {name: getattr(self, names[name]) for name in wanted}
        found |= {name: int(found[name]) for name in ("CreatedTimestamp", "LastModifiedTimestamp")}
        if self.redrive_policy:
            found["RedrivePolicy"] = json.dumps(self.redrive_policy)
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in found.items()}

    def _set_attributes(self, attributes: dict[str, Any], now: float | None = None) -> None:
        """As moto, which forgets the policy with every other attribute, and takes what does not go together."""
        limit = attributes.get("FifoThroughputLimit", getattr(self, "fifo_throughput_limit", None))
        scope = attributes.get("DeduplicationScope", getattr(self, "deduplication_scope", None))
        if limit == "perMessageGroupId" and scope != "messageGroup":
            text = "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup"
            raise SQSException("InvalidAttributeValue", text)
        kept = {} if "Policy" in attributes else {"Policy": getattr(self, "policy", None)}
        super()._set_attributes({**attributes, **kept}, now)

    def _setup_dlq(self, policy: Any) -> None:
        found = rules.document(policy)
        if isinstance(found, dict) and found:
            name = str(found["deadLetterTargetArn"]).rpartition(":")[2]
            if name not in models.sqs_backends[self.account_id][self.region].queues:
                raise _bad_redrive(policy, "Dead letter target does not exist.")
            if name.endswith(".fifo") != self.name.endswith(".fifo"):
                raise _bad_redrive(policy, "Dead letter queue should be of same type as the source.")
        super()._setup_dlq(policy)

    @property
    def dead_letter_queue(self) -> "EmbeddedQueue | None":
        """What the redrive policy names, as it is now: a deleted queue takes nothing, another may have its name."""
        policy = self.redrive_policy
        if not policy:
            return None
        name = str(policy["deadLetterTargetArn"]).rpartition(":")[2]
        found: EmbeddedQueue | None = models.sqs_backends[self.account_id][self.region].queues.get(name)
        return found

    @dead_letter_queue.setter
    def dead_letter_queue(self, queue: object) -> None:
        """moto keeps the queue that it found when the policy was set; the policy's own ARN is enough."""

    @property
    def approximate_number_of_messages(self) -> int:
        return self.counts().visible

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        return self.counts().in_flight

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        return self.counts().delayed

    def counts(self) -> Counts:
        now = self.clock()
        self.box.expire(now=now, retention=float(self.message_retention_period))
        return self.box.counts(now=now)

    def add_message(self, message: EmbeddedMessage) -> None:
        """Take a message that was sent; a duplicate within the window gets the first one's id and goes nowhere."""
        now = self.clock()
        key = None
        if self.fifo_queue and message.deduplication_id:
            scope = str(message.group_id) if self.deduplication_scope == "messageGroup" else ""
            key = (scope, message.deduplication_id)
            first = self.seen.recall(key, now=now)
            if first is not None:
                message.id, message.sequence_number = first
                return
        delay = max(0.0, message.delayed_until / 1000 - message.sent_timestamp / 1000) if message.delayed_until else 0.0
        held = self.box.send(message, now=now, group=message.group_id or "", delay=delay)
        if self.fifo_queue:
            message.sequence_number = self._sequence_number(held)
        if key is not None:
            self.seen.remember(key, (message.id, str(message.sequence_number)), now=now)
        self.sent += 1
        self.changed()

    def take(self, count: int, visibility: float) -> list[EmbeddedMessage]:
        """Deliver up to `count` messages; those delivered too often before go to the dead letter queue instead."""
        now = self.clock()
        self.box.expire(now=now, retention=float(self.message_retention_period))
        target = self.dead_letter_queue
        most = self.redrive_policy["maxReceiveCount"] if target is not None else None
        delivered, dead = self.box.receive(now=now, count=count, visibility=visibility, max_receives=most)
        for held in delivered:
            held.body.mark_delivered(self._handle(held), held.earlier + held.receives)
        if target is not None:
            for held in dead:
                target.add_dead(held, self.queue_arn)
        self.received += len(delivered)
        self.empty_receives += not delivered
        return [held.body for held in delivered]

    def add_dead(self, held: HeldMessage[EmbeddedMessage], source: str) -> None:
        """Take a message from a queue this is the dead letter queue of; it is never a duplicate.

        Its receives go on counting. A standard queue's retention goes on from when it was first sent, a FIFO queue's
        begins anew. Source: Amazon SQS Developer Guide, "Using dead-letter queues".
        """
        origin = None if self.fifo_queue else held.origin
        held.body.dead_letter_source = source
        moved = self.box.send(held.body, now=self.clock(), group=held.body.group_id or "", origin=origin)
        moved.earlier = held.earlier + held.receives
        self.changed()

    def first(self) -> EmbeddedMessage | None:
        """What would be received next, left where it is."""
        self.counts()  # what has expired goes
        held = self.box.first(now=self.clock())
        return held.body if held is not None else None

    def take_out(self) -> EmbeddedMessage | None:
        """What would be received next; it is not in the queue any more."""
        held = self.box.take_out(now=self.clock())
        self.changed()
        return held.body if held is not None else None

    def add_anew(self, message: EmbeddedMessage) -> None:
        """Take a message from a dead letter queue, as one that was never sent before."""
        fresh = copy.copy(message)
        fresh.id = str(uuid4())
        fresh.approximate_receive_count, fresh.approximate_first_receive_timestamp = 0, None
        fresh.dead_letter_source = None
        fresh.mark_sent()
        held = self.box.send(fresh, now=self.clock(), group=fresh.group_id or "")
        fresh.sequence_number = self._sequence_number(held) if self.fifo_queue else None
        self.changed()

    def delete_message(self, receipt_handle: str) -> None:
        number, receipt = self._receipt(receipt_handle)
        held = len(self.box)
        try:
            self.box.delete(number, receipt, now=self.clock())
        except ReceiptUnknown:
            raise ReceiptHandleIsInvalid from None
        except ReceiptExpired:
            raise InvalidParameterValue(
                f"Value {receipt_handle} for parameter ReceiptHandle is invalid. "
                "Reason: The receipt handle has expired."
            ) from None
        self.deleted += held - len(self.box)
        self.changed()

    def set_visibility(self, receipt_handle: str, seconds: float) -> None:
        number, receipt = self._receipt(receipt_handle)
        try:
            is_in_flight = self.box.set_visibility(number, receipt, now=self.clock(), seconds=seconds)
        except ReceiptUnknown:
            raise ReceiptHandleIsInvalid from None
        if not is_in_flight:
            raise SQSException(
                "AWS.SimpleQueueService.MessageNotInflight", "The specified message is not in flight or does not exist."
            )
        self.changed()

    def delivered(self, receipt_handle: str) -> EmbeddedMessage:
        """The message that a receipt is of; `ReceiptHandleIsInvalid` when it is not held any more."""
        held = self.box.held(self._receipt(receipt_handle)[0])
        if held is None:
            raise ReceiptHandleIsInvalid
        return held.body

    def give_back(self, receipt_handle: str) -> None:
        number, receipt = self._receipt(receipt_handle)
        self.box.give_back(number, receipt, now=self.clock())
        self.changed()

    def changed(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()

    def _sequence_number(self, held: HeldMessage[EmbeddedMessage]) -> str:
        return f"{18_850_000_000_000_000_000 + held.number * 256:020d}"

    def _handle(self, held: HeldMessage[EmbeddedMessage]) -> str:
        return base64.urlsafe_b64encode(f"{self.name}/{held.number}/{held.receipt}".encode()).decode()

    def _receipt(self, handle: str) -> tuple[int, int]:
        try:
            name, number, receipt = base64.urlsafe_b64decode(handle.encode()).decode().split("/")
            if name == self.name:
                return int(number), int(receipt)
        except (binascii.Error, ValueError):
            pass
        raise ReceiptHandleIsInvalid


def _bad_redrive(policy: object, reason: str) -> InvalidParameterValue:
    text = f"Value {rules.shown(policy)} for parameter RedrivePolicy is invalid. Reason: {reason}"
    return InvalidParameterValue(text)


def install() -> None:
    """Make moto build these classes from now on."""
    if models.sqs_backends:
        raise RuntimeError("SQS queues exist already: the embedded queue must be in place before the first one")
    models.Queue = EmbeddedQueue
    models.Message = EmbeddedMessage
    models.sqs_backends.backend = EmbeddedSqsBackend
