"""Takes orders: prices them, checks them, keeps them. What the HTTP layer calls and knows nothing about."""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import orjson

from services.chassis.aws.errors import AwsError
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.cache import Cache, CacheUnavailable
from services.chassis.web import correlation
from services.chassis.web.problems import Complaint, HttpProblem, unavailable
from services.order.domain import Draft, Order, StockState, Violation, violations
from services.order.identity import OrderIds
from services.order.price_list import Prices, PricesUnknown, UnknownStore
from services.order.prices import FRESH_S, HITS, MISSES
from services.order.stock import OutOfStock, Stock
from services.order.store import KeyConflict, OrderBook, Placed
from services.order.wire import fingerprint, view

ACCEPTED: Final = "OrdersAccepted"
REJECTED: Final = "OrdersRejected"
LATENCY: Final = "OrderLatency"
VIEW_TTL_S: Final = 10.0
"""How long a looked-up order is served from the cache: short, since payment changes its status."""
RETRY_AFTER_S: Final = 1
DOUBTED_S: Final = 2.0
"""A list older than that refuses nobody: the price the customer saw may be newer."""

_log = logging.getLogger(__name__)


class OrderDesk:
    """Places and finds orders. Everything it refuses is a `HttpProblem`; nothing of a refused order is written."""

    def __init__(
        self,
        *,
        prices: Prices,
        stock: Stock,
        book: OrderBook,
        cache: Cache,
        metrics: MetricReports,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._prices = prices
        self._stock = stock
        self._book = book
        self._cache = cache
        self._metrics = metrics
        self._clock = clock
        self._ids = OrderIds(clock=clock)

    async def place(self, draft: Draft, key: str | None) -> Placed:
        """Take `draft`; under a `key` that was used before, the order of then, whatever things cost by now.

        The write itself tells whether the key was used. What is refused before it comes to that looks the key up.
        """
        print_of = fingerprint(draft)
        order_id = self._ids.draw()
        try:
            await self._check(draft)
            stock = await self._reserve(order_id, draft)
        except HttpProblem:
            if (earlier := await self._earlier(key, print_of)) is not None:
                return earlier
            raise
        order = Order(
            order_id=order_id,
            draft=draft,
            status="accepted",
            placed_at=self._clock(),
            correlation_id=correlation.current(),
            idempotency_key=key,
            stock=stock,
        )
        return await self._keep(order, print_of)

    async def _earlier(self, key: str | None, print_of: str) -> Placed | None:
        try:
            return None if key is None else await self._book.earlier(key, print_of)
        except (KeyConflict, AwsError) as refusal:
            raise self._refused(refusal) from refusal

    async def _reserve(self, order_id: str, draft: Draft) -> StockState:
        try:
            return await self._stock.reserve(order_id, draft)
        except OutOfStock as out:
            raise HttpProblem(409, "out-of-stock", str(out)) from out

    async def _keep(self, order: Order, print_of: str) -> Placed:
        """Keep what was reserved, or give it back: but only where it is certain that the order is not kept.

        Else it may be handed on, and its stock is taken then; where it was not, the hold expires.
        """
        try:
            placed = await self._book.place(order, print_of)
        except (KeyConflict, AwsError) as refusal:
            if isinstance(refusal, KeyConflict) or not refusal.may_have_happened:
                self._stock.give_back(order.order_id)
            raise self._refused(refusal) from refusal
        if placed.is_replay:
            self._stock.give_back(order.order_id)
        else:
            self._metrics.count(ACCEPTED)
        return placed

    async def _check(self, draft: Draft) -> None:
        try:
            broken = await self._violations(draft, FRESH_S) and await self._violations(draft, DOUBTED_S)
        except UnknownStore as unknown:
            complaint = Complaint(pointer="/store_id", detail="is not one of our stores")
            raise HttpProblem(
                422, "invalid-order", f"no store is called {unknown}", complaints=[complaint]
            ) from unknown
        except PricesUnknown as why:
            _log.warning("nothing can be priced", extra={"error": str(why)})
            raise unavailable("the menu does not answer", retry_after_s=RETRY_AFTER_S) from why
        if broken:
            complaints = [Complaint(pointer=v.pointer, detail=v.rule) for v in broken]
            raise HttpProblem(422, "invalid-order", "the order breaks the rules", complaints=complaints)

    async def _violations(self, draft: Draft, at_most_s: float) -> tuple[Violation, ...]:
        return violations(draft, await self._prices.at(draft.store_id, at_most_s=at_most_s))

    async def find(self, order_id: str) -> bytes:
        """The order as JSON (`wire.OrderView`)."""
        cached = None
        with contextlib.suppress(CacheUnavailable):
            cached = await self._cache.get(f"order:view:{order_id}")
        self._metrics.count(HITS if cached is not None else MISSES)
        if cached is not None:
            return cached
        try:
            order = await self._book.find(order_id)
        except AwsError as error:
            raise self._unavailable(error) from error
        if order is None:
            raise HttpProblem(404, "no-such-order", f"there is no order {order_id}")
        shown = orjson.dumps(view(order))
        with contextlib.suppress(CacheUnavailable):
            await self._cache.put(f"order:view:{order_id}", shown, ttl_s=VIEW_TTL_S)
        return shown

    def _refused(self, refusal: KeyConflict | AwsError) -> HttpProblem:
        if isinstance(refusal, KeyConflict):
            return HttpProblem(409, "key-reused", f"the key {refusal} was used for another order")
        return self._unavailable(refusal)

    def _unavailable(self, error: AwsError) -> HttpProblem:
        """What the customer hears when the table does not answer: come back, with the same key if there was one."""
        _log.warning("the orders table is unavailable", extra={"error": str(error)})
        detail = "too many orders at the moment" if error.is_throttle else "the orders table does not answer"
        return unavailable(detail, retry_after_s=RETRY_AFTER_S)
