"""The inventory service as order knows it: it holds what an order needs, gives it back, and takes it for good.

    reserve ──> held ──(order kept)──> take ──> taken            one reservation an order: its id is the key
       │          └──(order not kept)──> release, or it expires
       └──(inventory away)──> owed ──(order kept)──> take, which takes without a hold too

Away, slow or broken, inventory never keeps an order from being taken: its stock is owed, and taken once it is back.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from services.chassis.background import BackgroundWork
from services.chassis.figures.metrics import MetricReports
from services.chassis.http.exchange import HttpResponse
from services.chassis.http.peer import Peer, PeerAway
from services.chassis.resilience import deadline
from services.order.domain import Draft, OrderLine, StockState
from services.order.outbox.table import Row

NAME: Final = "inventory"
RESERVE: Final = "/api/inventory/reserve"
RELEASE: Final = "/api/inventory/release"
TAKE: Final = "/api/inventory/take"
RESERVE_S: Final = 0.2
"""A customer waits for it."""
TAKE_S: Final = 2.0
"""Nobody waits for it."""
BATCH: Final = 100
"""Take accepts no more orders at a time."""
OWED: Final = "StockOwed"

_log = logging.getLogger(__name__)


class OutOfStock(Exception):
    """The store cannot serve it. The text says what is missing."""


class Stock(Protocol):
    """What the stores can serve."""

    async def reserve(self, order_id: str, draft: Draft) -> StockState:
        """Hold what `draft` needs for an order; "owed" when it could not be learnt in time. `OutOfStock`."""
        ...

    def give_back(self, order_id: str) -> None:
        """The order was not kept for certain: its hold is free again, soon. Never blocks, never fails."""
        ...


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore")

    order_id: str
    status: str


class _Results(BaseModel):
    """The answer to take."""

    model_config = ConfigDict(extra="ignore")

    results: list[_Result]


class Inventory:
    """The inventory service: `Stock` that is there or not, and what the settling asks of it."""

    def __init__(self, reserving: Peer, settling: Peer, background: BackgroundWork) -> None:
        """Two ways to one service, each with its breaker: too slow for a customer may be quick enough for the rest."""
        self._reserving = reserving
        self._settling = settling
        self._background = background

    async def reserve(self, order_id: str, draft: Draft) -> StockState:
        """`OutOfStock`, `PeerAway`."""
        order = {"order_id": order_id, "store_id": draft.store_id, "items": _items(draft.lines)}
        answer = await self._reserving.ask(
            "POST", RESERVE, orjson.dumps(order), answers=(200, 201, 409, 422), within_s=RESERVE_S
        )
        if answer.status in (409, 422):
            raise OutOfStock(_detail(answer))
        return "held"

    def give_back(self, order_id: str) -> None:
        self._background.start("release", self._release(order_id))

    async def _release(self, order_id: str) -> None:
        """Asked once: where it fails, the hold expires."""
        deadline.start(TAKE_S)  # the customer's own may be over
        try:
            await self._settling.ask(
                "POST", RELEASE, orjson.dumps({"order_id": order_id}), answers=(200,), within_s=TAKE_S
            )
        except PeerAway as away:
            _log.warning("a hold was not given back and will expire", extra={"order_id": order_id, "error": str(away)})

    async def take(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """Take the stock of up to `BATCH` orders for good; what became of each, by order id. `PeerAway`.

        Asked again, it says the same and takes nothing more.
        """
        orders = [{"order_id": row.order_id, "store_id": row.store_id, "items": _items(row.lines)} for row in rows]
        answer = await self._settling.ask(
            "POST", TAKE, orjson.dumps({"orders": orders}), answers=(200,), within_s=TAKE_S
        )
        try:
            results = _Results.model_validate_json(answer.body).results
        except ValidationError as wrong:
            raise PeerAway(f"inventory answers with no results: {wrong}") from wrong
        return {result.order_id: result.status for result in results}


class OwedStock:
    """`Stock` of an inventory that may be away: then it is owed, which the settling makes good."""

    def __init__(self, inventory: Stock, metrics: MetricReports) -> None:
        self._inventory = inventory
        self._metrics = metrics

    async def reserve(self, order_id: str, draft: Draft) -> StockState:
        try:
            return await self._inventory.reserve(order_id, draft)
        except PeerAway:
            self._metrics.count(OWED)
            return "owed"

    def give_back(self, order_id: str) -> None:
        self._inventory.give_back(order_id)


def _items(lines: tuple[OrderLine, ...]) -> list[dict[str, object]]:
    return [{"item_id": line.item_id, "quantity": line.quantity} for line in lines]


def _detail(answer: HttpResponse) -> str:
    try:
        return str(orjson.loads(answer.body)["detail"])[:200]
    except (ValueError, TypeError, KeyError):
        return "the store cannot serve it"
