"""The outbox: what was promised to the rest of the platform and not yet handed on. Rows, their keys and their table.

    shard (hash)   sequence (range)   what
    s0 … s3        <order id>         one accepted order; sequences sort by time, and so do a shard's orders
    stock-s0 …     <order id>         one that was handed on, and whose stock is still to be taken  (see settling.py)
    relay          member#<task>      a living relay, with a counter that it beats        (see ownership.py)
    relay          lease#<shard>      who relays a shard

Only rows of the first two kinds have an attribute `order_id`.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from services.chassis.aws.errors import Item
from services.chassis.aws.json_apis import Caller, Json
from services.order.domain import Order, OrderLine, decimal

SHARDS: Final = ("s0", "s1", "s2", "s3")
"""As many as tasks at full scale; a customer's orders all lie in one."""
BATCH_WRITE: Final = 25
"""BatchWriteItem takes no more."""
ASIDE: Final = "stock-"
"""What the partition of those set aside begins with, before their shard's name."""


def shard_of(customer_id: str) -> str:
    """The shard of a customer: stable over processes and versions, which `hash()` is not."""
    return SHARDS[zlib.crc32(customer_id.encode()) % len(SHARDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One accepted order on its way out. `at` in Unix seconds, `total_amount` as on the wire.

    `lines` are what its stock is taken for; a row of a release that knew of no stock has none.
    """

    order_id: str
    customer_id: str
    store_id: str
    total_amount: str
    at: float
    correlation_id: str
    lines: tuple[OrderLine, ...] = ()

    @classmethod
    def of(cls, order: Order) -> "Row":
        return cls(
            order_id=order.order_id,
            customer_id=order.draft.customer_id,
            store_id=order.draft.store_id,
            total_amount=decimal(order.draft.total_cents),
            at=order.placed_at,
            correlation_id=order.correlation_id,
            lines=order.draft.lines,
        )

    @property
    def shard(self) -> str:
        return shard_of(self.customer_id)

    def message(self) -> str:
        """The message to payment."""
        return orjson.dumps(
            {
                "order_id": self.order_id,
                "customer_id": self.customer_id,
                "store_id": self.store_id,
                "total_amount": self.total_amount,
                "correlation_id": self.correlation_id,
            }
        ).decode()

    def event(self) -> bytes:
        """The event for analytics."""
        return orjson.dumps(
            {
                "type": "order_accepted",
                "order_id": self.order_id,
                "customer_id": self.customer_id,
                "store_id": self.store_id,
                "total_amount": self.total_amount,
                "at": self.at,
                "correlation_id": self.correlation_id,
            }
        )

    def item(self, *, aside: bool = False) -> Json:
        """The row as DynamoDB stores it."""
        return {
            "shard": {"S": ASIDE + self.shard if aside else self.shard},
            "sequence": {"S": self.order_id},
            "order_id": {"S": self.order_id},
            "customer_id": {"S": self.customer_id},
            "store_id": {"S": self.store_id},
            "total_amount": {"S": self.total_amount},
            "at": {"N": repr(self.at)},
            "correlation_id": {"S": self.correlation_id},
            "lines": {"S": orjson.dumps(_pairs(self.lines)).decode()},
        }

    @classmethod
    def read(cls, item: Item) -> "Row":
        return cls(
            order_id=str(item["order_id"]["S"]),
            customer_id=str(item["customer_id"]["S"]),
            store_id=str(item["store_id"]["S"]),
            total_amount=str(item["total_amount"]["S"]),
            at=float(str(item["at"]["N"])),
            correlation_id=str(item["correlation_id"]["S"]),
            lines=_lines(orjson.loads(str(item["lines"]["S"]))) if "lines" in item else (),
        )


def _pairs(lines: tuple[OrderLine, ...]) -> list[tuple[str, int]]:
    return [(line.item_id, line.quantity) for line in lines]


def _lines(pairs: Iterable[tuple[str, int]]) -> tuple[OrderLine, ...]:
    return tuple(OrderLine(item_id=item_id, quantity=int(quantity)) for item_id, quantity in pairs)


def chunks(rows: Sequence[Row], size: int) -> list[tuple[Row, ...]]:
    """`rows` in their order, so many at a time."""
    return [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]


def pack(rows: Iterable[Row]) -> bytes:
    """Rows as one message to another task."""
    fields = ("order_id", "customer_id", "store_id", "total_amount", "at", "correlation_id")
    return orjson.dumps([[*(getattr(row, name) for name in fields), _pairs(row.lines)] for row in rows])


def unpack(message: bytes) -> tuple[Row, ...]:
    """The rows of `pack`; `ValueError` for anything else."""
    try:
        return tuple(
            Row(order_id=o, customer_id=c, store_id=s, total_amount=t, at=float(a), correlation_id=i, lines=_lines(n))
            for o, c, s, t, a, i, n in orjson.loads(message)
        )
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"not a message of rows: {message[:80]!r}") from wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPage:
    """The oldest rows of a shard; `is_last` when there are no younger ones."""

    rows: tuple[Row, ...]
    is_last: bool


class ShardOwner(Protocol):
    """Whose rows are ours at this moment, to hand on and to settle."""

    @property
    def shards(self) -> frozenset[str]: ...


class OutboxTable:
    """The outbox in DynamoDB."""

    def __init__(self, dynamodb: Caller, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    async def oldest(self, partition: str, limit: int, *, after: str | None = None) -> OutboxPage:
        """Up to `limit` rows of a partition, oldest first, of orders drawn after `after`; strongly consistent."""
        query: Json = {
            "TableName": self._table,
            "KeyConditionExpression": "shard = :shard",
            "ExpressionAttributeValues": {":shard": {"S": partition}},
            "ConsistentRead": True,
            "Limit": limit,
        }
        if after is not None:
            query["ExclusiveStartKey"] = {"shard": {"S": partition}, "sequence": {"S": after}}
        answer = await self._dynamodb.call("Query", query)
        items = answer.get("Items")
        rows = tuple(Row.read(item) for item in items) if isinstance(items, list) else ()
        return OutboxPage(rows=rows, is_last="LastEvaluatedKey" not in answer)

    async def set_aside(self, rows: Sequence[Row]) -> set[str]:
        """Put up to 25 rows among those whose stock is owed; the order ids of those that are not there yet."""
        left = await self._write([{"PutRequest": {"Item": row.item(aside=True)}} for row in rows])
        return {request["PutRequest"]["Item"]["sequence"]["S"] for request in left}

    async def delete(self, rows: Sequence[Row], *, aside: bool = False) -> set[str]:
        """Delete up to 25 rows; the order ids of those that are still there. Deleting what is gone succeeds."""
        prefix = ASIDE if aside else ""
        left = await self._write(
            [
                {"DeleteRequest": {"Key": {"shard": {"S": prefix + row.shard}, "sequence": {"S": row.order_id}}}}
                for row in rows
            ]
        )
        return {request["DeleteRequest"]["Key"]["sequence"]["S"] for request in left}

    async def _write(self, requests: list[Json]) -> list[Any]:
        """What was left unprocessed of them."""
        answer = await self._dynamodb.call("BatchWriteItem", {"RequestItems": {self._table: requests}})
        left = answer.get("UnprocessedItems")
        return left.get(self._table, []) if isinstance(left, dict) else []
