"""Payments and orders in DynamoDB: one reading for a batch, and one transaction that settles all of it.

A payment and the order's new status are written together, and only while the payment is open and the order is not
settled: whoever comes second changes nothing, and finds out.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, cast

from services.chassis.aws.blocking import BlockingCaller
from services.chassis.aws.errors import AwsError, Item
from services.chassis.aws.json_apis import Json
from services.payment.domain import Demand, OrderFacts, PaymentFacts, PaymentStatus, decimal

_READINGS: Final = 3
"""How often keys that DynamoDB left out are asked for again."""
_OPEN: Final = "attribute_not_exists(order_id) OR #status = :pending"
_TOTAL: Final = "total_cents"
"""What every order has, and the idempotency keys that lie in the same table do not."""
_STATUS: Final = {"#status": "status"}


class Known(NamedTuple):
    """What the tables say of the orders that were asked for; what they do not have is missing here too."""

    orders: dict[str, OrderFacts]
    payments: dict[str, PaymentFacts]


class Settlement(NamedTuple):
    """The end of a payment. Times in Unix seconds; `reason` when it was declined, the other two when captured."""

    demand: Demand
    status: Literal["captured", "declined"]
    attempts: int
    placed_at: float
    authorization_id: str | None = None
    captured_at: float | None = None
    reason: str | None = None

    @property
    def order_status(self) -> str:
        return "paid" if self.status == "captured" else "declined"


class PaymentTable:
    """The payments table, and the orders table as far as payment reads and writes it."""

    def __init__(self, dynamodb: BlockingCaller, *, payments: str, orders: str) -> None:
        self._dynamodb = dynamodb
        self._payments = payments
        self._orders = orders

    def read(self, order_ids: Iterable[str]) -> Known:
        """Orders and payments of up to 50 different ids, strongly consistent; `AwsError`."""
        keys = [{"order_id": {"S": order_id}} for order_id in dict.fromkeys(order_ids)]
        wanted: Json = {
            table: {"Keys": keys, "ConsistentRead": True} for table in (self._orders, self._payments) if keys
        }
        found: dict[str, list[Item]] = {self._orders: [], self._payments: []}
        for _ in range(_READINGS):
            if not wanted:
                break
            answer = self._dynamodb.call("BatchGetItem", {"RequestItems": wanted})
            for table, items in cast("dict[str, list[Item]]", answer.get("Responses") or {}).items():
                found[table] += items
            wanted = cast("Json", answer.get("UnprocessedKeys") or {})
        if wanted:
            raise AwsError(
                operation="BatchGetItem",
                code="ProvisionedThroughputExceededException",
                message=f"{len(keys)} keys were asked for, some were not answered in {_READINGS} readings",
            )
        return Known(
            orders={_text(item, "order_id"): _order(item) for item in found[self._orders] if _TOTAL in item},
            payments={_text(item, "order_id"): _payment(item) for item in found[self._payments]},
        )

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write up to 50 settlements, all or none of them; `AwsError`, `is_condition` when one was settled before."""
        actions = [action for settlement in settlements for action in self._settled(settlement)]
        if actions:
            self._dynamodb.call("TransactWriteItems", {"TransactItems": actions})

    def is_settled(self, settlement: Settlement) -> bool:
        """Whether the tables say already what `settlement` would write; `AwsError`."""
        order_id = settlement.demand.order_id
        known = self.read([order_id])
        payment, order = known.payments.get(order_id), known.orders.get(order_id)
        return (
            payment is not None
            and order is not None
            and (payment.status, payment.authorization_id) == (settlement.status, settlement.authorization_id)
            and order.status == settlement.order_status
        )

    def remember(self, demand: Demand, *, attempts: int, placed_at: float) -> None:
        """Keep that a payment was tried and is not decided; `AwsError`, `is_condition` when it is by now."""
        item = _item(demand, "pending", attempts, placed_at)
        self._dynamodb.call("PutItem", {"TableName": self._payments, **_while_open(item)})

    def _settled(self, settlement: Settlement) -> tuple[Json, Json]:
        item = _item(settlement.demand, settlement.status, settlement.attempts, settlement.placed_at)
        for name, text in (("authorization_id", settlement.authorization_id), ("reason", settlement.reason)):
            if text is not None:
                item[name] = {"S": text}
        if settlement.captured_at is not None:
            item["captured_at"] = {"N": repr(settlement.captured_at)}
        return {"Put": {"TableName": self._payments, **_while_open(item)}}, {"Update": self._order_update(settlement)}

    def _order_update(self, settlement: Settlement) -> Json:
        values: Json = {":new": {"S": settlement.order_status}, ":accepted": {"S": "accepted"}}
        paid_at = ""
        if settlement.captured_at is not None:
            values[":at"] = {"N": repr(settlement.captured_at)}
            paid_at = ", paid_at = :at"
        return {
            "TableName": self._orders,
            "Key": {"order_id": {"S": settlement.demand.order_id}},
            "UpdateExpression": f"SET #status = :new{paid_at}",
            "ConditionExpression": "#status = :accepted",
            "ExpressionAttributeNames": _STATUS,
            "ExpressionAttributeValues": values,
        }


def _while_open(item: Json) -> Json:
    return {
        "Item": item,
        "ConditionExpression": _OPEN,
        "ExpressionAttributeNames": _STATUS,
        "ExpressionAttributeValues": {":pending": {"S": "pending"}},
    }


def _item(demand: Demand, status: PaymentStatus, attempts: int, placed_at: float) -> Json:
    return {
        "order_id": {"S": demand.order_id},
        "customer_id": {"S": demand.customer_id},
        "store_id": {"S": demand.store_id},
        "total_amount": {"S": decimal(demand.amount_cents)},
        "total_cents": {"N": str(demand.amount_cents)},
        "status": {"S": status},
        "attempts": {"N": str(attempts)},
        "correlation_id": {"S": demand.correlation_id},
        "placed_at": {"N": repr(placed_at)},
    }


def _order(item: Item) -> OrderFacts:
    return OrderFacts(
        customer_id=_text(item, "customer_id"),
        amount_cents=int(str(item[_TOTAL]["N"])),
        status=_text(item, "status"),
        placed_at=float(str(item["created_at"]["N"])),
    )


def _payment(item: Item) -> PaymentFacts:
    authorization, captured_at = item.get("authorization_id"), item.get("captured_at")
    return PaymentFacts(
        status=cast("PaymentStatus", _text(item, "status")),
        attempts=int(str(item["attempts"]["N"])),
        authorization_id=None if authorization is None else str(authorization["S"]),
        captured_at=None if captured_at is None else float(str(captured_at["N"])),
    )


def _text(item: Item, name: str) -> str:
    return str(item[name]["S"])
