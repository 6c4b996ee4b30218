"""Orders in DynamoDB: the order, its outbox row and its idempotency key in one transaction, or none of them.

    orders:  order_id = <ULID>            an order
             order_id = idem#<key>        which order a key stands for, and its request's fingerprint; expires

The transaction may be sent twice (a time-out leaves its outcome unknown): its ClientRequestToken and the order's id
stay the same, so the second repeats the first's answer or finds the first's rows: both mean that it is placed.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from services.chassis.aws.errors import CONDITION_FAILED, AwsError, Item
from services.chassis.aws.json_apis import Caller, Json
from services.order.domain import Draft, Order, OrderLine, decimal
from services.order.outbox.table import Row

KEY_PREFIX: Final = "idem#"
KEY_LIFETIME_S: Final = 24 * 3600
"""How long a key is remembered at least (DynamoDB's time to live on `expires_at` deletes it some time after)."""


class KeyConflict(Exception):
    """The idempotency key was used for another order. The text is the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order is placed; `is_replay` when it was before, under the same key."""

    order_id: str
    is_replay: bool = False


class OrderBook(Protocol):
    """Where orders are kept."""

    async def place(self, order: Order, fingerprint: str) -> Placed:
        """Keep `order` for good and see to it that the platform hears of it. `KeyConflict`, `AwsError`."""
        ...

    async def earlier(self, key: str, fingerprint: str) -> Placed | None:
        """What was placed under an idempotency key before, if anything. `KeyConflict`, `AwsError`."""
        ...

    async def find(self, order_id: str) -> Order | None:
        """The order as it is now; None when there is none. `AwsError`."""
        ...


class OrderTable:
    """The orders table, and the outbox table as far as a transaction writes it."""

    def __init__(self, dynamodb: Caller, *, orders: str, outbox: str) -> None:
        self._dynamodb = dynamodb
        self._orders = orders
        self._outbox = outbox

    async def place(self, order: Order, fingerprint: str) -> Placed:
        puts = [self._put(self._orders, order_item(order), "order_id")]
        if order.idempotency_key is not None:
            puts.append(self._put(self._orders, key_item(order, fingerprint), "order_id"))
        puts.append({"Put": {"TableName": self._outbox, "Item": Row.of(order).item()}})
        parameters: Json = {"TransactItems": puts, "ClientRequestToken": order.order_id}
        try:
            await self._dynamodb.call("TransactWriteItems", parameters)
        except AwsError as error:
            if not error.is_condition:
                raise
            return await self._explain(order, fingerprint, error)
        return Placed(order_id=order.order_id)

    @staticmethod
    def _put(table: str, item: Json, key: str) -> Json:
        return {
            "Put": {
                "TableName": table,
                "Item": item,
                "ConditionExpression": f"attribute_not_exists({key})",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    async def _explain(self, order: Order, fingerprint: str, error: AwsError) -> Placed:
        """What a failed condition means: an earlier attempt of ours got through, or the key is taken."""
        if error.reasons[0].code == CONDITION_FAILED or order.idempotency_key is None:
            return Placed(order_id=order.order_id)  # nobody else can have drawn this id
        earlier = error.reasons[1].item or await self._get(KEY_PREFIX + order.idempotency_key)
        if earlier is None:
            raise error  # the key expired in this very moment; the caller tries again
        if earlier["order_id_of"]["S"] == order.order_id:
            return Placed(order_id=order.order_id)
        return _replay(order.idempotency_key, earlier, fingerprint)

    async def earlier(self, key: str, fingerprint: str) -> Placed | None:
        earlier = await self._get(KEY_PREFIX + key)
        return None if earlier is None else _replay(key, earlier, fingerprint)

    async def find(self, order_id: str) -> Order | None:
        item = await self._get(order_id)
        return None if item is None else read_order_item(item)

    async def _get(self, key: str) -> Item | None:
        answer = await self._dynamodb.call(
            "GetItem", {"TableName": self._orders, "Key": {"order_id": {"S": key}}, "ConsistentRead": True}
        )
        item = answer.get("Item")
        return item if isinstance(item, dict) else None


def _replay(key: str, earlier: Item, fingerprint: str) -> Placed:
    if earlier["fingerprint"]["S"] != fingerprint:
        raise KeyConflict(key)
    return Placed(order_id=str(earlier["order_id_of"]["S"]), is_replay=True)


def order_item(order: Order) -> Json:
    """An order as DynamoDB stores it. `total_cents` is the number to add up, `total_amount` the same for the eye."""
    item: dict[str, object] = {
        "order_id": {"S": order.order_id},
        "customer_id": {"S": order.draft.customer_id},
        "store_id": {"S": order.draft.store_id},
        "items": {
            "L": [
                {"M": {"item_id": {"S": line.item_id}, "quantity": {"N": str(line.quantity)}}}
                for line in order.draft.lines
            ]
        },
        "total_cents": {"N": str(order.draft.total_cents)},
        "total_amount": {"S": decimal(order.draft.total_cents)},
        "status": {"S": order.status},
        "created_at": {"N": repr(order.placed_at)},
        "correlation_id": {"S": order.correlation_id},
        "stock": {"S": order.stock},
    }
    if order.idempotency_key is not None:
        item["idempotency_key"] = {"S": order.idempotency_key}
    return item


def key_item(order: Order, fingerprint: str) -> Json:
    """What an idempotency key stands for. The order's id has a name of its own: `order_id` is the table's key."""
    return {
        "order_id": {"S": f"{KEY_PREFIX}{order.idempotency_key}"},
        "order_id_of": {"S": order.order_id},
        "fingerprint": {"S": fingerprint},
        "expires_at": {"N": str(int(time.time()) + KEY_LIFETIME_S)},
    }


def read_order_item(item: Item) -> Order:
    """The order in a row of `order_item`."""
    key = item.get("idempotency_key")
    return Order(
        order_id=_text(item, "order_id"),
        draft=Draft(
            store_id=_text(item, "store_id"),
            customer_id=_text(item, "customer_id"),
            lines=tuple(_line(entry["M"]) for entry in _list(item, "items")),
            total_cents=int(str(item["total_cents"]["N"])),
        ),
        status=_text(item, "status"),
        placed_at=float(str(item["created_at"]["N"])),
        correlation_id=_text(item, "correlation_id"),
        idempotency_key=str(key["S"]) if key else None,
        stock="owed" if item.get("stock") == {"S": "owed"} else "held",
    )


def _line(fields: Mapping[str, Mapping[str, str]]) -> OrderLine:
    return OrderLine(item_id=fields["item_id"]["S"], quantity=int(fields["quantity"]["N"]))


def _text(item: Item, name: str) -> str:
    return str(item[name]["S"])


def _list(item: Item, name: str) -> list[dict[str, Mapping[str, Mapping[str, str]]]]:
    entries = item[name]["L"]
    return entries if isinstance(entries, list) else []
