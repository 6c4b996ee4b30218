"""A small true world: customers, their orders, and books that balance. And a platform on moto that holds them."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from infrastructure.state import StateFolder
from plugins.books.history import Attempt, Outcome, to_line
from plugins.books.queue_only.entries import Books, OrderEvent, OrderRow, PaymentMessage

OUTPUTS = {
    "OrdersTableName": "orders-test",
    "OutboxTableName": "outbox-test",
    "OrderStreamName": "order-events-test",
}


def attempt(number: int, *, customers: int = 50, outcome: Outcome = "acknowledged") -> Attempt:
    """The `number`-th order of a run, one a second, answered within half a second."""
    is_acknowledged = outcome == "acknowledged"
    return Attempt(
        outcome=outcome,
        status=201 if is_acknowledged else 422 if outcome == "refused" else None,
        order_id=f"order-{number:06d}" if is_acknowledged else None,
        customer_id=f"customer-{number % customers:04d}",
        store_id=f"store-{number % 7:03d}",
        total_amount=Decimal(number % 90 + 10) / 10 + 1,
        items=(("latte-tall", 1 + number % 3), ("bagel-piece", 1)),
        idempotency_key=f"key-{number:06d}",
        correlation_id=f"key-{number:06d}",
        scheduled_at=1000.0 + number,
        acknowledged_at=1000.5 + number if is_acknowledged else None,
    )


def order_id(of: Attempt) -> str:
    """The id the platform gave it, whether or not the customer heard of it."""
    return of.order_id or f"order-{of.idempotency_key.removeprefix('key-')}"


def row(of: Attempt) -> OrderRow:
    return OrderRow(
        order_id=order_id(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        total_amount=of.total_amount,
        total_cents=int(of.total_amount * 100),
        items=of.items,
        idempotency_key=of.idempotency_key,
    )


def message(of: Attempt, place: int) -> PaymentMessage:
    return PaymentMessage(
        message_id=f"message-{order_id(of)}",
        place=place,
        group=of.customer_id,
        order_id=order_id(of),
        customer_id=of.customer_id,
        store_id=of.store_id,
        total_amount=of.total_amount,
    )


def event(of: Attempt) -> OrderEvent:
    return OrderEvent(
        order_id=order_id(of), customer_id=of.customer_id, store_id=of.store_id, total_amount=of.total_amount
    )


def balanced(attempts: Iterable[Attempt]) -> Books:
    """Books in which each of these exists, once and in order."""
    placed = tuple(attempts)
    return Books(
        orders=tuple(row(one) for one in placed),
        payments=tuple(message(one, place) for place, one in enumerate(placed)),
        events=tuple(event(one) for one in placed),
    )


@dataclass
class MotoPlatform:
    """Tables, queue and stream as the templates make them."""

    state: StateFolder
    clients: dict[str, Any] = field(default_factory=dict)
    queue_url: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    def endpoint(self, name: str) -> str:
        raise KeyError(name)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            make: Any = boto3.client  # its overloads list every service by a literal
            self.clients[service] = make(
                service,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self.clients[service]

    def output(self, key: str) -> str:
        return self.queue_url if key == "PaymentQueueUrl" else OUTPUTS[key]

    def create(self) -> None:
        tables = {"orders-test": ("order_id",), "outbox-test": ("shard", "sequence")}
        for table, keys in tables.items():
            self.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        self.client("kinesis").create_stream(StreamName="order-events-test", ShardCount=2)
        self.queue_url = self.client("sqs").create_queue(
            QueueName="payments-test.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "1"}
        )["QueueUrl"]

    def place(self, of: Attempt) -> None:
        """As the order service does, relay and all."""
        self.put_order(of)
        self.send(of)
        self.publish(of)

    def put_order(self, of: Attempt) -> None:
        stored = row(of)
        item = {
            "order_id": {"S": stored.order_id},
            "customer_id": {"S": stored.customer_id},
            "store_id": {"S": stored.store_id},
            "items": {
                "L": [
                    {"M": {"item_id": {"S": name}, "quantity": {"N": str(quantity)}}} for name, quantity in stored.items
                ]
            },
            "total_cents": {"N": str(stored.total_cents)},
            "total_amount": {"S": str(stored.total_amount)},
            "idempotency_key": {"S": of.idempotency_key},
        }
        key = {"order_id": {"S": f"idem#{of.idempotency_key}"}, "order_id_of": {"S": stored.order_id}}
        for one in (item, key):
            self.client("dynamodb").put_item(TableName="orders-test", Item=one)

    def put_outbox(self, of: Attempt) -> None:
        item = {"shard": {"S": "s0"}, "sequence": {"S": order_id(of)}, "order_id": {"S": order_id(of)}}
        self.client("dynamodb").put_item(TableName="outbox-test", Item=item)

    def put_relay_rows(self) -> None:
        item = {"shard": {"S": "relay"}, "sequence": {"S": "lease#s0"}, "holder": {"S": "task-1"}}
        self.client("dynamodb").put_item(TableName="outbox-test", Item=item)

    def send(self, of: Attempt) -> None:
        self.client("sqs").send_message(
            QueueUrl=self.queue_url,
            MessageBody=json.dumps(_told(of)),
            MessageGroupId=of.customer_id,
            MessageDeduplicationId=order_id(of),
        )

    def publish(self, of: Attempt) -> None:
        data = json.dumps({"type": "order_accepted", **_told(of)}).encode()
        self.client("kinesis").put_record(StreamName="order-events-test", Data=data, PartitionKey=order_id(of))


def _told(of: Attempt) -> dict[str, str]:
    return {
        "order_id": order_id(of),
        "customer_id": of.customer_id,
        "store_id": of.store_id,
        "total_amount": str(of.total_amount),
    }


@contextmanager
def moto_platform(folder: Path) -> Iterator[MotoPlatform]:
    with mock_aws():
        platform = MotoPlatform(StateFolder(folder))
        platform.create()
        yield platform


def history_file(folder: Path, attempts: Iterable[Attempt]) -> Path:
    path = folder / "history.jsonl"
    path.write_text("".join(f"{to_line(one)}\n" for one in attempts))
    return path
