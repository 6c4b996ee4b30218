"""Reads tables and stream through boto3, with the consistency that makes an absent entry mean something.

orders, outbox, payments   Scan with ConsistentRead, all pages
events                     every shard from TRIM_HORIZON up to the present
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol

from botocore.exceptions import ClientError

from plugins.books.entries import OrderEvent, OrderRow, OutboxRow, PaymentRow

Item = Mapping[str, Mapping[str, Any]]
"""An item as DynamoDB writes it: attribute → {type: value}."""

_RECORDS_LIMIT = 10_000
"""The most GetRecords gives at once."""
_THROTTLED, _AGAIN_S, _MOST_TRIES = "ProvisionedThroughputExceededException", 1.0, 20
"""All readers of a shard share five calls and 2 MB a second, and 10 MB at once are those of five seconds. Whoever is
refused is to wait for a second. Source: Kinesis Data Streams API reference, GetRecords.
"""

_EVENTS = ("order_accepted", "order_paid")


class Cloud(Protocol):
    """What the books need of a platform."""

    def client(self, service: str) -> Any: ...  # a boto3 client
    def output(self, key: str) -> str: ...  # a stack output


def read_orders(cloud: Cloud) -> tuple[OrderRow, ...]:
    """The orders table without its idempotency rows."""
    items = scan(cloud, cloud.output("OrdersTableName"))
    return tuple(_order(item) for item in items if not item["order_id"]["S"].startswith("idem#"))


def read_outbox(cloud: Cloud) -> tuple[OutboxRow, ...]:
    """The orders that wait to be passed on; the relays' own rows have no order id."""
    items = scan(cloud, cloud.output("OutboxTableName"))
    return tuple(
        OutboxRow(order_id=item["order_id"]["S"], sequence=item["sequence"]["S"])
        for item in items
        if "order_id" in item
    )


def read_payments(cloud: Cloud) -> tuple[PaymentRow, ...]:
    """The payments table."""
    return tuple(_payment(item) for item in scan(cloud, cloud.output("PaymentsTableName")))


def read_events(cloud: Cloud) -> tuple[OrderEvent, ...]:
    """Every event of an order in the stream, shard by shard. The stream keeps a day: older ones are gone."""
    kinesis, stream = cloud.client("kinesis"), cloud.output("OrderStreamName")
    return tuple(event for shard in shards_of(kinesis, stream) for event in _events_of(kinesis, stream, shard))


def shards_of(kinesis: Any, stream: str) -> Iterator[str]:
    """The id of every shard of `stream`, closed ones that still hold records too."""
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        yield from (shard["ShardId"] for shard in page["Shards"])


def records(kinesis: Any, iterator: str, limit: int, wait: Callable[[float], object] = time.sleep) -> Mapping[str, Any]:
    """A page of a shard, as soon as its other readers leave room for it; `ClientError` when they never do."""
    tries = 1
    while True:
        try:
            return kinesis.get_records(ShardIterator=iterator, Limit=limit)  # type: ignore[no-any-return] # boto3's
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != _THROTTLED or tries == _MOST_TRIES:
                raise
        wait(_AGAIN_S)
        tries += 1


def scan(cloud: Cloud, table: str) -> Iterator[Item]:
    """Every item of `table`, strongly consistent: an absent one is not there."""
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def _order(item: Item) -> OrderRow:
    lines = (line["M"] for line in item["items"]["L"])
    return OrderRow(
        order_id=item["order_id"]["S"],
        customer_id=item["customer_id"]["S"],
        store_id=item["store_id"]["S"],
        total_amount=Decimal(item["total_amount"]["S"]),
        total_cents=int(item["total_cents"]["N"]),
        items=tuple((line["item_id"]["S"], int(line["quantity"]["N"])) for line in lines),
        status=item["status"]["S"],
        correlation_id=item["correlation_id"]["S"],
        idempotency_key=_text(item, "idempotency_key"),
    )


def _payment(item: Item) -> PaymentRow:
    return PaymentRow(
        order_id=item["order_id"]["S"],
        customer_id=item["customer_id"]["S"],
        store_id=item["store_id"]["S"],
        total_amount=Decimal(item["total_amount"]["S"]),
        total_cents=int(item["total_cents"]["N"]),
        status=item["status"]["S"],
        attempts=int(item["attempts"]["N"]),
        correlation_id=item["correlation_id"]["S"],
        authorization_id=_text(item, "authorization_id"),
        captured_at=float(item["captured_at"]["N"]) if "captured_at" in item else None,
        reason=_text(item, "reason"),
    )


def _text(item: Item, name: str) -> str | None:
    return item[name].get("S") if name in item else None


def _events_of(kinesis: Any, stream: str, shard: str) -> Iterator[OrderEvent]:
    answer = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = answer["ShardIterator"]
    while iterator:
        page = records(kinesis, iterator, _RECORDS_LIMIT)
        for record in page["Records"]:
            event = json.loads(record["Data"])
            if event["type"] in _EVENTS:
                yield _event(event)
        if page["MillisBehindLatest"] == 0:
            return
        iterator = page.get("NextShardIterator")


def _event(event: Mapping[str, Any]) -> OrderEvent:
    return OrderEvent(
        type=event["type"],
        order_id=event["order_id"],
        customer_id=event["customer_id"],
        store_id=event["store_id"],
        total_amount=Decimal(event["total_amount"]),
        authorization_id=event.get("authorization_id"),
    )
