"""The payment queue as a book. No payment service takes from it yet, so the books do, and keep what they took.

    receive a batch ──> append to the ledger, fsync ──> delete the batch        a crash in between: received once more,
                                                                               and known by its message id
A queue can be read only once; the ledger file remembers, so that a later reconciliation of the same platform still knows
what an earlier one took. It lies in the platform's state folder and goes with it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from plugins.books.entries import PaymentMessage
from plugins.books.readers import Cloud

BATCH = 10
"""The most SQS hands out, or deletes, in one call."""

_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


def read_payments(cloud: Cloud, ledger: Path) -> tuple[PaymentMessage, ...]:
    """Take everything from the payment queue; what was ever taken, each message once, in the queue's order."""
    sqs, queue = cloud.client("sqs"), cloud.output("PaymentQueueUrl")
    ledger.parent.mkdir(parents=True, exist_ok=True)
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=BATCH, MessageSystemAttributeNames=["All"], WaitTimeSeconds=0
        )
        messages = answer.get("Messages", [])
        if not messages and _is_empty(sqs, queue):
            break
        if messages:
            _append(ledger, (_message(message) for message in messages))
            _delete(sqs, queue, messages)
    return _ledger(ledger)


def _is_empty(sqs: Any, queue: str) -> bool:
    """Nothing to be had *now* is not nothing: a message received elsewhere, or by a crashed reader, comes back."""
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(_COUNTS))["Attributes"]
    return not any(int(counts.get(name, 0)) for name in _COUNTS)


def _delete(sqs: Any, queue: str, messages: Iterable[Mapping[str, Any]]) -> None:
    entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
    sqs.delete_message_batch(QueueUrl=queue, Entries=entries)


def _message(message: Mapping[str, Any]) -> PaymentMessage:
    body = json.loads(message["Body"])
    return PaymentMessage(
        message_id=message["MessageId"],
        sequence_number=int(message["Attributes"]["SequenceNumber"]),
        group=message["Attributes"]["MessageGroupId"],
        order_id=body["order_id"],
        customer_id=body["customer_id"],
        store_id=body["store_id"],
        total_amount=Decimal(body["total_amount"]),
    )


def _append(ledger: Path, messages: Iterable[PaymentMessage]) -> None:
    lines = [json.dumps({**asdict(message), "total_amount": str(message.total_amount)}) for message in messages]
    with ledger.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _ledger(ledger: Path) -> tuple[PaymentMessage, ...]:
    """A message id counts once; a line torn by a crash was not deleted from the queue and came again."""
    found: dict[str, PaymentMessage] = {}
    if ledger.is_file():
        with ledger.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    value = json.loads(line)
                    message = PaymentMessage(**{**value, "total_amount": Decimal(value["total_amount"])})
                    found.setdefault(message.message_id, message)
    return tuple(sorted(found.values(), key=lambda message: message.sequence_number))
