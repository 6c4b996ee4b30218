"""The tables, queues, stream and secrets of payment on a moto server, and events as Lambda makes them of messages."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import boto3

from services.chassis.postgres.tests.server import PASSWORD, USER, Server

REGION = "us-east-1"
ORDERS, PAYMENTS, STREAM = "orders-test", "payments-test", "order-events-test"
ACCRUALS = "accruals-test.fifo"
DATABASE_SECRET, OPERATOR_SECRET = "rds!cluster-test", "operator-test"
TOKEN = "operator-token-0123456789"


@dataclass
class Order:
    """One accepted order, and the message that the order service sends about it."""

    number: int
    customer_id: str = ""
    amount_cents: int = 1250
    body: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.customer_id = self.customer_id or f"customer-{self.number:04d}"
        self.body = {
            "order_id": self.order_id,
            "customer_id": self.customer_id,
            "store_id": "store-001",
            "total_amount": f"{self.amount_cents // 100}.{self.amount_cents % 100:02d}",
            "correlation_id": f"corr-{self.number}",
        }

    @property
    def order_id(self) -> str:
        return f"01ORDER{self.number:019d}"

    def item(self) -> dict[str, Any]:
        return {
            "order_id": {"S": self.order_id},
            "customer_id": {"S": self.customer_id},
            "store_id": {"S": "store-001"},
            "total_cents": {"N": str(self.amount_cents)},
            "total_amount": {"S": str(self.body["total_amount"])},
            "status": {"S": "accepted"},
            "created_at": {"N": "1795000000.25"},
            "correlation_id": {"S": f"corr-{self.number}"},
        }

    def record(self, body: str | None = None) -> dict[str, Any]:
        return {
            "messageId": f"message-{self.number}",
            "receiptHandle": "handle",
            "body": json.dumps(self.body) if body is None else body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1795000001000",
                "MessageGroupId": self.customer_id,
                "MessageDeduplicationId": self.order_id,
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:payments-test.fifo",
            "awsRegion": REGION,
        }


def event(orders: Iterable[Order]) -> dict[str, Any]:
    return {"Records": [order.record() for order in orders]}


@dataclass
class LambdaContext:
    """An invocation with so many seconds left."""

    left_s: float = 10.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)


class Cloud:
    """What payment reads and writes, beside the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.queue_url = self.dead_letter_url = self.accrual_url = self.accrual_dead_letter_url = ""

    def client(self, service: Any) -> Any:
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="t", aws_secret_access_key="t"
        )

    def furnish(self) -> "Cloud":
        for table in (ORDERS, PAYMENTS):
            self.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        attributes = {"FifoQueue": "true"}
        self.queue_url, self.dead_letter_url, self.accrual_url, self.accrual_dead_letter_url = (
            self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            for name in ("payments.fifo", "dead.fifo", ACCRUALS, "accruals-dead.fifo")
        )
        self.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
        login = json.dumps({"username": USER, "password": PASSWORD})
        self.client("secretsmanager").create_secret(Name=DATABASE_SECRET, SecretString=login)
        self.client("secretsmanager").create_secret(Name=OPERATOR_SECRET, SecretString=TOKEN)
        return self

    def environ(self, port: int, **changes: str) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "t",
            "AWS_SECRET_ACCESS_KEY": "t",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "CAFE_ENVIRONMENT": "test",
            "CAFE_METRIC_PERIOD_S": "3600",
            "PAYMENTS_TABLE": PAYMENTS,
            "ORDERS_TABLE": ORDERS,
            "ORDER_STREAM": STREAM,
            "PAYMENT_QUEUE_URL": self.queue_url,
            "PAYMENT_DEAD_LETTER_URL": self.dead_letter_url,
            "ACCRUAL_QUEUE_URL": self.accrual_url,
            "ACCRUAL_DEAD_LETTER_URL": self.accrual_dead_letter_url,
            "CAFE_NLB_URL": "http://127.0.0.1:9",
            "CAFE_AURORA_WRITER_URL": f"postgresql://127.0.0.1:{port}/postgres",
            "DATABASE_SECRET": DATABASE_SECRET,
            "OPERATOR_TOKEN_SECRET": OPERATOR_SECRET,
            "CARD_LATENCY_MS": "0",
            **changes,
        }

    def place(self, *orders: Order) -> None:
        for order in orders:
            self.client("dynamodb").put_item(TableName=ORDERS, Item=order.item())

    def rows(self, table: str) -> dict[str, dict[str, Any]]:
        items = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        return {item["order_id"]["S"]: {k: next(iter(v.values())) for k, v in item.items()} for item in items}

    def statuses(self, *orders: Order) -> list[tuple[str, str]]:
        """Of each order: its own status and its payment's, `-` where there is none."""
        kept, payments = self.rows(ORDERS), self.rows(PAYMENTS)
        return [(kept[o.order_id]["status"], payments.get(o.order_id, {}).get("status", "-")) for o in orders]

    def dead_letters(self, queue_url: str = "") -> list[tuple[str, str]]:
        """Body and reason of each; of payments, unless another queue is named."""
        answer = self.client("sqs").receive_message(
            QueueUrl=queue_url or self.dead_letter_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        return [(m["Body"], m["MessageAttributes"]["reason"]["StringValue"]) for m in answer.get("Messages", ())]

    def depth(self, queue_url: str) -> int:
        """Messages that wait in a queue or are on their way."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def accruals(self) -> list[dict[str, Any]]:
        """What was asked of the points' queue, oldest first of each customer."""
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.accrual_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.accrual_url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found, key=lambda each: str(each["order_id"]))

    def events(self) -> list[dict[str, Any]]:
        kinesis = self.client("kinesis")
        [shard] = kinesis.list_shards(StreamName=STREAM)["Shards"]
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [json.loads(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def delivered(cloud: Cloud, wait_s: int = 0) -> dict[str, Any]:
    """The event that Lambda makes of what can be received from the points' queue."""
    answer = cloud.client("sqs").receive_message(
        QueueUrl=cloud.accrual_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=wait_s,
        MessageSystemAttributeNames=["All"],
    )
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{ACCRUALS}",
            }
            for message in answer.get("Messages", ())
        ]
    }


def ledger(server: Server) -> dict[str, tuple[int, int]]:
    """Of each captured order: its amount, and what its entries add up to."""
    found = server.sql(
        "SELECT order_id, c.amount_cents, sum(e.amount_cents) FROM payment.captures c"
        " LEFT JOIN payment.ledger_entries e USING (order_id) GROUP BY order_id, c.amount_cents"
    )
    return {str(order): (int(str(amount)), int(str(balance))) for order, amount, balance in found}
