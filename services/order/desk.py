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
from services.order.domain import Draft, Order, violations
from services.order.identity import OrderIds
from services.order.price_list import Prices, Stock, UnknownStore
from services.order.prices import HITS, MISSES
from services.order.store import KeyConflict, OrderBook, Placed
from services.order.wire import fingerprint, view

ACCEPTED: Final = "OrdersAccepted"
REJECTED: Final = "OrdersRejected"
LATENCY: Final = "OrderLatency"
VIEW_TTL_S: Final = 10.0
"""How long a looked-up order is served from the cache: short, since payment changes its status."""
RETRY_AFTER_S: Final = 1

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
        """Take `draft`; under a `key` that was used before, the order of then."""
        await self._check(draft)
        order = Order(
            order_id=self._ids.draw(),
            draft=draft,
            status="accepted",
            placed_at=self._clock(),
            correlation_id=correlation.current(),
            idempotency_key=key,
        )
        try:
            placed = await self._book.place(order, fingerprint(draft))
        except KeyConflict as conflict:
            raise HttpProblem(409, "key-reused", f"the key {conflict} was used for another order") from conflict
        except AwsError as error:
            raise self._unavailable(error) from error
        if not placed.is_replay:
            self._metrics.count(ACCEPTED)
        return placed

    async def _check(self, draft: Draft) -> None:
        try:
            prices = await self._prices.at(draft.store_id)
        except UnknownStore as unknown:
            complaint = Complaint(pointer="/store_id", detail="is not one of our stores")
            raise HttpProblem(
                422, "invalid-order", f"no store is called {unknown}", complaints=[complaint]
            ) from unknown
        complaints = [Complaint(pointer=v.pointer, detail=v.rule) for v in violations(draft, prices)]
        if complaints:
            raise HttpProblem(422, "invalid-order", "the order breaks the rules", complaints=complaints)
        if missing := await self._stock.missing(draft.store_id, draft.lines):
            raise HttpProblem(409, "out-of-stock", f"the store is out of {', '.join(missing)}")

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

    def _unavailable(self, error: AwsError) -> HttpProblem:
        """What the customer hears when the table does not answer: come back, with the same key if there was one."""
        _log.warning("the orders table is unavailable", extra={"error": str(error)})
        detail = "too many orders at the moment" if error.is_throttle else "the orders table does not answer"
        return unavailable(detail, retry_after_s=RETRY_AFTER_S)
