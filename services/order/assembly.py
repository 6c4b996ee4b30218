"""How the order service is put together, once with resilience and once without. The only place that knows which.

Everything else takes the parts it is given: `CAFE_RESILIENCE` is read here, by `TaskParts` and nowhere below.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from services import catalog
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import DYNAMODB, KINESIS, SQS
from services.chassis.aws.task import LOCAL
from services.chassis.background import rest
from services.chassis.http.peer import Peer
from services.chassis.parts import TaskParts
from services.chassis.redis.cache import NAME, RedisCache
from services.chassis.resilience.breaker import Breaker, BreakerState
from services.chassis.web.health import Dependencies
from services.order import menu, stock
from services.order.books import MemoryBook, OutboxBook
from services.order.desk import ACCEPTED, REJECTED
from services.order.outbox.channels import Channel, OrderStream, PaymentQueue
from services.order.outbox.ownership import BEAT_S, Ownership
from services.order.outbox.relay import Relay, RelayReport
from services.order.outbox.settling import Settling, SettlingReport
from services.order.outbox.table import OutboxTable
from services.order.price_list import Prices
from services.order.prices import HITS, MISSES, STALE, CachedPrices, CacheOnlyPrices
from services.order.settings import OrderSettings
from services.order.stock import OWED, Inventory, OwedStock, Stock
from services.order.store import OrderBook, OrderTable

NAMESPACE: Final = catalog.http_service("order").namespace
OUTBOX_CHANNEL: Final = "order:outbox"
LEASE_CHANNEL: Final = "order:leases"
ASIDE: Final = "StockSetAside"
UNSETTLED: Final = "StockUnsettled"
OPENNESS: Final[Mapping[BreakerState, float]] = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
"""A breaker as a figure: its average over tasks and time is how much of the peer was missing."""
FLUSH_S: Final = 1.0
"""How long a stopping task goes on handing over what it holds; the rest lies in the outbox for others."""

_log = logging.getLogger(__name__)


class Parts(TaskParts):
    """The clients and tables of one task, the same in both modes but for the resilience they were given."""

    settings: OrderSettings

    def __init__(self, settings: OrderSettings, *, task: str = LOCAL) -> None:
        super().__init__(
            settings,
            task=task,
            namespace=NAMESPACE,
            redis_url=settings.cafe_elasticache_url,
            dependencies=Dependencies(
                "dynamodb", "sqs", "kinesis", "cloudwatch", "secretsmanager", NAME, menu.NAME, stock.NAME
            ),
        )
        self.metrics.declare(ACCEPTED, REJECTED, HITS, MISSES, STALE, OWED, ASIDE, UNSETTLED)
        self.dynamodb = self.api(DYNAMODB)
        self.orders = OrderTable(self.dynamodb, orders=settings.orders_table, outbox=settings.outbox_table)
        self.channels: tuple[Channel, ...] = (
            PaymentQueue(self.api(SQS), settings.payment_queue_url),
            OrderStream(self.api(KINESIS), settings.order_stream),
        )
        self.cache = RedisCache(self.redis, self.dependencies)
        self._peers: list[Peer] = []
        reserving, settling = (self._peer(stock.NAME, settings.cafe_inventory_url) for _ in range(2))
        menu_peer = self._peer(menu.NAME, settings.cafe_menu_url)
        self.menu = menu.Menu(menu_peer)
        self.inventory = Inventory(reserving, settling, self.background)
        self.breakers = {menu.NAME: menu_peer.breaker, stock.NAME: reserving.breaker}

    def _peer(self, name: str, origin: str) -> Peer:
        made = Peer(name, origin, self.timeouts, self.dependencies)
        self._peers.append(made)
        return made

    async def close_stores(self) -> None:
        for peer in self._peers:
            peer.close()


class Mode(Protocol):
    """How orders are kept, what they cost, and what their stock is."""

    book: OrderBook
    prices: Prices
    stock: Stock

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class ResilientMode:
    """Outbox and relay, cache-aside, stock that may be owed."""

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._ownership = Ownership(parts.dynamodb, settings.outbox_table, f"{parts.task}-{secrets.token_hex(4)}")
        self._relay = Relay(
            outbox=OutboxTable(parts.dynamodb, settings.outbox_table),
            channels=parts.channels,
            owner=self._ownership,
            announce=lambda message: parts.bus.publish(OUTBOX_CHANNEL, message),
            settle=lambda rows: self._settling.offer(rows),  # noqa: PLW0108 - made below: each needs the other
            report=RelayReport(on_done=lambda lag: parts.metrics.duration("RelayLag", lag)),
        )
        self._settling = Settling(
            table=OutboxTable(parts.dynamodb, settings.outbox_table),
            inventory=parts.inventory,
            owner=self._ownership,
            settled=self._relay.settled,
            report=SettlingReport(
                on_taken=lambda lag: parts.metrics.duration("StockLag", lag),
                on_aside=lambda count: parts.metrics.count(ASIDE, count),
                on_unsettled=lambda: parts.metrics.count(UNSETTLED),
            ),
        )
        self._relaying: asyncio.Task[None] | None = None
        self._look_again = asyncio.Event()
        self.book: OrderBook = OutboxBook(parts.orders, self._relay.offer)
        self.prices: Prices = CachedPrices(parts.cache, parts.menu, parts.metrics)
        self.stock: Stock = OwedStock(parts.inventory, parts.metrics)
        parts.metrics.gauge("OutboxDepth", lambda: float(self._relay.depth))
        for name, breaker in parts.breakers.items():
            parts.metrics.gauge(f"{name.capitalize()}BreakerOpen", partial(_openness, breaker))

    async def start(self) -> None:
        background = self._parts.background
        background.start("menu", self.prices.warm_up())
        self._relaying = background.start("relay", self._relay.run())
        background.start("settling", self._settling.run())
        background.start("leases", self._keep_leases())
        handlers = {OUTBOX_CHANNEL: self._relay.hear, LEASE_CHANNEL: lambda _: self._look_again.set()}
        background.start("bus", self._parts.bus.listen(handlers, self._look_again.set))

    async def _keep_leases(self) -> None:
        """Tick every beat, and at once when another task announces that it left."""
        while True:
            self._look_again.clear()
            try:
                taken = await self._ownership.tick()
                self._relay.took_over(taken)
                self._settling.took_over(taken)
            except AwsError as error:
                _log.warning("no lease was renewed", extra={"error": str(error)})
            except Exception:  # noqa: BLE001 - a row nobody can read, say; without leases a task hands nothing on
                _log.exception("no lease was renewed")
            await rest(BEAT_S, until=self._look_again)

    async def stop(self) -> None:
        """Hand over what is held, then leave, then announce it."""
        self._relay.stop()
        if self._relaying is not None:
            await asyncio.wait({self._relaying}, timeout=FLUSH_S)
        await self._parts.background.close()
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._ownership.leave()
        except (AwsError, TimeoutError) as error:
            _log.warning("the leases were not given back", extra={"error": str(error)})
        await self._parts.bus.publish(LEASE_CHANNEL, b"left")


def _openness(breaker: Breaker) -> float:
    return OPENNESS[breaker.state]


class FragileMode:
    """Memory instead of an outbox, the cache instead of a price list, holds that nobody confirms."""

    def __init__(self, parts: Parts) -> None:
        self._background = parts.background
        self.stock: Stock = parts.inventory
        self.prices: Prices = CacheOnlyPrices(parts.cache, parts.menu, parts.metrics)
        self.book: OrderBook = MemoryBook(parts.orders, parts.dynamodb, parts.settings.orders_table, parts.channels)

    async def start(self) -> None:
        self._background.start("menu", self.prices.warm_up())

    async def stop(self) -> None:
        return


MODES: Final[Mapping[str, Callable[[Parts], Mode]]] = {"on": ResilientMode, "off": FragileMode}
