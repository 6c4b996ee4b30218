"""The payment queue as a book. No payment service takes from it yet, so the books do, and keep what they took.

    receive a batch ──> append to the ledger, fsync ──> delete the batch

A crash in between, and the batch is received once more and known by its message ids.
A queue can be read only once; the ledger file remembers, so that a later reconciliation of the same platform still
knows what an earlier one took. It lies in the platform's state folder and goes with it.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from infrastructure.errors import EnvironmentFault
from plugins.books.queue_only.entries import PaymentMessage
from plugins.books.queue_only.readers import Cloud

BATCH = 10
"""The most SQS hands out, or deletes, in one call."""

DEADLINE_S = 60.0
"""Twice SQS's default visibility time-out: what a crashed reader had received is back by then."""

_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


def read_payments(cloud: Cloud, ledger: Path, *, deadline_s: float = DEADLINE_S) -> tuple[PaymentMessage, ...]:
    """Take everything from the payment queue; what was ever taken, each message once, in the queue's order.

    `EnvironmentFault` when the queue keeps holding messages that it hands to nobody for `deadline_s`.
    """
    sqs, queue = cloud.client("sqs"), cloud.output("PaymentQueueUrl")
    ledger.parent.mkdir(parents=True, exist_ok=True)
    _mend(ledger)
    wait_s, last_taken = 0, time.monotonic()
    while (messages := _receive(sqs, queue, wait_s)) or not _is_empty(sqs, queue):
        if messages:
            _append(ledger, messages)
            _delete(sqs, queue, messages)
            wait_s, last_taken = 0, time.monotonic()
        elif time.monotonic() - last_taken > deadline_s:
            raise EnvironmentFault(f"{queue} holds messages, and hands out none of them for {deadline_s:g} s")
        else:
            wait_s = 1
    return _ledger(ledger)


def _receive(sqs: Any, queue: str, wait_s: int) -> list[Mapping[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=BATCH, MessageSystemAttributeNames=["All"], WaitTimeSeconds=wait_s
    )
    messages: list[Mapping[str, Any]] = answer.get("Messages", [])
    return messages


def _is_empty(sqs: Any, queue: str) -> bool:
    """Nothing to be had *now* is not nothing: a message received elsewhere, or by a crashed reader, comes back."""
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=list(_COUNTS))["Attributes"]
    return not any(int(counts.get(name, 0)) for name in _COUNTS)


def _delete(sqs: Any, queue: str, messages: Iterable[Mapping[str, Any]]) -> None:
    entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
    sqs.delete_message_batch(QueueUrl=queue, Entries=entries)


def _append(ledger: Path, messages: Iterable[Mapping[str, Any]]) -> None:
    """Keep what matters of each message, its body as it was."""
    lines = [
        json.dumps({"id": m["MessageId"], "group": m["Attributes"]["MessageGroupId"], "body": m["Body"]})
        for m in messages
    ]
    with ledger.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _mend(ledger: Path) -> None:
    """Cut off a line torn by a crash: its message was not deleted from the queue and comes again."""
    ledger.touch()
    content = ledger.read_bytes()
    if not content.endswith(b"\n"):
        os.truncate(ledger, content.rfind(b"\n") + 1)


def _ledger(ledger: Path) -> tuple[PaymentMessage, ...]:
    """Each message id once, in the place where it was received first."""
    found: dict[str, PaymentMessage] = {}
    for place, line in enumerate(ledger.read_text(encoding="utf-8").splitlines()):
        value = json.loads(line)
        found.setdefault(value["id"], _message(place, value["id"], value["group"], json.loads(value["body"])))
    return tuple(found.values())


def _message(place: int, message_id: str, group: str, body: Mapping[str, Any]) -> PaymentMessage:
    return PaymentMessage(
        message_id=message_id,
        place=place,
        group=group,
        order_id=body["order_id"],
        customer_id=body["customer_id"],
        store_id=body["store_id"],
        total_amount=Decimal(body["total_amount"]),
    )
