"""A platform on moto, and on a database if a test has one, that holds books as the services would have written them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psycopg
from moto import mock_aws

from infrastructure.login import DatabaseLogin, read_login
from infrastructure.state import StateFolder
from plugins.books.entries import Books, OrderEvent, OrderRow, PaymentRow
from plugins.books.history import Attempt, to_line
from plugins.books.tests.database import MASTER, PASSWORD, Database
from plugins.books.tests.warehouse import Warehouse

TABLES = {
    "orders-test": ("order_id",),
    "outbox-test": ("shard", "sequence"),
    "payments-test": ("order_id",),
    "leases-test": ("leaseKey",),
}


@dataclass
class MotoPlatform:
    """Tables, queues, stream and secret as the templates make them."""

    state: StateFolder
    database: Database | None = None
    clients: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    warehouse: Warehouse = field(default_factory=Warehouse)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            make: Any = boto3.client  # its overloads list every service by a literal
            self.clients[service] = make(
                service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
            )
        return self.clients[service]

    def output(self, key: str) -> str:
        return self.outputs[key]

    def database_login(self) -> DatabaseLogin:
        return read_login(self.client("secretsmanager"), self.output("AuroraSecretArn"))

    def endpoint(self, name: str) -> str:
        if self.database is None or name != "aurora_writer":
            raise KeyError(name)
        return self.database.url

    def create(self) -> None:
        for table, keys in TABLES.items():
            self.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        self.clients["redshift-data"] = self.warehouse
        self.client("kinesis").create_stream(StreamName="order-events-test", ShardCount=2)
        secret = json.dumps({"username": MASTER, "password": PASSWORD})
        arn = self.client("secretsmanager").create_secret(Name="rds!cluster-test", SecretString=secret)["ARN"]
        self.outputs = {
            "OrdersTableName": "orders-test",
            "OutboxTableName": "outbox-test",
            "PaymentsTableName": "payments-test",
            "OrderStreamName": "order-events-test",
            "AuroraSecretArn": arn,
            "PaymentQueueUrl": self._queue("payments-test.fifo"),
            "PaymentDeadLetterQueueUrl": self._queue("payments-dlq-test.fifo"),
            "StreamLeaseTableName": "leases-test",
            "WarehouseClusterIdentifier": "cafe-test",
            "WarehouseDatabaseName": "cafe",
            "WarehouseSecretArn": "arn:warehouse",
            "AccrualQueueUrl": self._queue("accruals-test.fifo"),
            "AccrualDeadLetterQueueUrl": self._queue("accruals-dlq-test.fifo"),
        }

    def hold(self, books: Books) -> None:
        """Write every entry where its service writes it."""
        for row in books.orders:
            self.put("orders-test", order_item(row))
            self.put("orders-test", {"order_id": f"idem#{row.idempotency_key}", "order_id_of": row.order_id})
        for waiting in books.outbox:
            self.put_outbox(waiting.order_id, waiting.sequence)
        for payment in books.payments:
            self.put("payments-test", payment_item(payment))
        for event in books.events:
            self.publish(event)
        self.read_stream()
        self.warehouse.revenue = (*self.warehouse.revenue, *books.revenue)
        if self.database is not None:
            write_ledger(self.database, books)

    def put(self, table: str, item: Mapping[str, object]) -> None:
        self.client("dynamodb").put_item(TableName=table, Item={name: _typed(value) for name, value in item.items()})

    def put_outbox(self, order_id: str, sequence: str) -> None:
        self.put("outbox-test", {"shard": "s0", "sequence": sequence, "order_id": order_id})

    def send(self, output: str, body: str, *, group: str, reason: str | None = None) -> None:
        """A message in the queue whose URL is the stack output `output`."""
        attributes = {"reason": {"DataType": "String", "StringValue": reason}} if reason else {}
        self.client("sqs").send_message(
            QueueUrl=self.output(output),
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=f"{group}-{hash(body)}",
            MessageAttributes=attributes,
        )

    def publish(self, event: OrderEvent) -> None:
        fields: dict[str, object] = {name: getattr(event, name) for name in event.__slots__}
        data = json.dumps({**fields, "total_amount": str(event.total_amount), "at": 1.0}).encode()
        stream = self.output("OrderStreamName")
        self.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey=event.customer_id)

    def read_stream(self) -> None:
        """Every shard is read up to its tip, as its lease says."""
        kinesis, stream = self.client("kinesis"), self.output("OrderStreamName")
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            place = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            records = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"])["Records"]
            checkpoint = records[-1]["SequenceNumber"] if records else "TRIM_HORIZON"
            self.put("leases-test", {"leaseKey": shard["ShardId"], "checkpoint": checkpoint})

    def _queue(self, name: str) -> str:
        attributes = {"FifoQueue": "true", "VisibilityTimeout": "60"}
        return str(self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def order_item(row: OrderRow) -> dict[str, object]:
    return {
        "order_id": row.order_id,
        "customer_id": row.customer_id,
        "store_id": row.store_id,
        "items": [{"item_id": name, "quantity": quantity} for name, quantity in row.items],
        "total_cents": row.total_cents,
        "total_amount": str(row.total_amount),
        "status": row.status,
        "created_at": 1.5,
        "correlation_id": row.correlation_id,
        "idempotency_key": row.idempotency_key,
        "paid_at": 2.5,
    }


def payment_item(payment: PaymentRow) -> dict[str, object]:
    fields = {name: getattr(payment, name) for name in payment.__slots__}
    item = {**fields, "total_amount": str(payment.total_amount), "placed_at": 1_000_000.125}
    return {name: value for name, value in item.items() if value is not None}


def write_ledger(database: Database, books: Books) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO payment.captures VALUES (%s, %s, %s, %s, %s, to_timestamp(%s))",
            [
                (c.order_id, c.authorization_id, c.customer_id, c.store_id, c.amount_cents, c.captured_at)
                for c in books.captures
            ],
        )
        cursor.executemany(
            "INSERT INTO payment.ledger_entries VALUES (%s, %s, %s)",
            [(entry.order_id, entry.account, entry.amount_cents) for entry in books.entries],
        )
        cursor.executemany(
            "INSERT INTO loyalty.accounts VALUES (%s, %s, %s)",
            [(account.customer_id, account.balance, account.earned) for account in books.accounts],
        )
        cursor.executemany(
            "INSERT INTO loyalty.ledger (entry_id, customer_id, points, total_cents) VALUES (%s, %s, %s, %s)",
            [(f"order:{each.order_id}", each.customer_id, each.points, each.amount_cents) for each in books.points],
        )
        write_stock(cursor, books)


def write_stock(cursor: psycopg.Cursor, books: Books) -> None:
    """As inventory does, seeds and all."""
    cursor.executemany(
        "INSERT INTO inventory.stock VALUES (%s, %s, %s, %s)",
        [(each.store_id, each.item_id, each.available, each.reserved) for each in books.levels],
    )
    entries = [(each.order_id, each.kind, each.store_id, each.item_id, each.quantity) for each in books.stock]
    seeds = [("seed", "seed", each.store_id, each.item_id, each.opening) for each in books.levels]
    cursor.executemany(
        "INSERT INTO inventory.stock_entries (order_id, kind, store_id, item_id, quantity) VALUES (%s, %s, %s, %s, %s)",
        [*seeds, *entries],
    )
    cursor.executemany(
        "INSERT INTO inventory.reservations VALUES (%s, %s, %s, 'held', now() + %s * interval '1 s')",
        [(hold.order_id, hold.store_id, _lines(hold.items), hold.left_s) for hold in books.holds],
    )


def _lines(items: Iterable[tuple[str, int]]) -> str:
    return json.dumps([{"item_id": item, "quantity": quantity} for item, quantity in items])


def _typed(value: object) -> dict[str, Any]:
    """A value as DynamoDB's API takes it."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, list):
        return {"L": [_typed(one) for one in value]}
    if isinstance(value, dict):
        return {"M": {name: _typed(one) for name, one in value.items()}}
    raise TypeError(f"{value!r} has no place in a test's item")


@contextmanager
def moto_platform(folder: Path, database: Database | None = None) -> Iterator[MotoPlatform]:
    with mock_aws():
        platform = MotoPlatform(StateFolder(folder), database)
        platform.create()
        yield platform


def history_file(folder: Path, attempts: Iterable[Attempt]) -> Path:
    path = folder / "history.jsonl"
    path.write_text("".join(f"{to_line(one)}\n" for one in attempts))
    return path
