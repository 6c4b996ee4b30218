"""The menu service without a network: its real HTTP layer, copy and rules over a store and a cache in memory."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

from services.assortment import ITEMS
from services.chassis.figures.tests.counts import Counts
from services.chassis.redis.tests.memory import MemoryCache
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.tests.clock import Clock
from services.chassis.web.gateway import Gateway, Limits
from services.chassis.web.operators import Operators
from services.chassis.web.tests.asking import Answer, OneSecret, ask, surface
from services.menu.copy import MenuCopy
from services.menu.desk import MenuDesk
from services.menu.domain import Item, Menu, Offer, seeded
from services.menu.routes import ROUTE, add_routes
from services.menu.store import StoreUnavailable

TOKEN = "operators-only-0123456789"
LATTE = "latte-grande"


def menu(*only: str) -> Menu:
    """The assortment, just seeded, or only these of it."""
    of = (item for item in ITEMS if not only or item.item_id in only)
    offers = ((i.item_id, Offer(name=i.name, category=i.category, price_cents=i.price_cents)) for i in of)
    return seeded(offers, born="b0")


def priced(of: Menu, item_id: str, price_cents: int) -> Offer:
    return replace(of.item(item_id).offer, price_cents=price_cents)


class MemoryStore:
    """`Store` in memory. `is_away`: nobody answers. `loses`: so many answers to changes are lost, after the fact."""

    def __init__(self, of: Menu) -> None:
        self.menu = of
        self.is_away = False
        self.loses = 0
        self.reads = 0
        self.before_replacing: Callable[[], None] = lambda: None

    async def read(self) -> Menu:
        self.reads += 1
        await asyncio.sleep(0)
        self._check()
        return self.menu

    async def replace(self, item_id: str, offer: Offer, revision: int) -> Menu | None:
        self._check()
        self.before_replacing()
        if self.menu.item(item_id).revision != revision:
            return None
        self.change(item_id, offer)
        if self.loses:
            self.loses -= 1
            raise StoreUnavailable("the answer was lost")
        return self.menu

    def change(self, item_id: str, offer: Offer) -> None:
        """As somebody else would."""
        was = self.menu
        item = Item(item_id=item_id, offer=offer, revision=was.item(item_id).revision + 1)
        others = tuple(each for each in was.items if each.item_id != item_id)
        self.menu = Menu(born=was.born, version=was.version + 1, items=(*others, item))

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("nobody there")


class Pod:
    """One pod of the service; pods of one `World` share store and cache."""

    def __init__(self, world: "World") -> None:
        self.counts = Counts()
        self.copy = MenuCopy(world.store, world.cache, self.counts, clock=world.clock)
        self.desk = MenuDesk(
            world.store,
            self.copy,
            world.announce,
            self.counts,
            budget=RetryBudget(),
            on_retry=lambda: self.counts.count("again"),
        )

    @cached_property
    def app(self) -> Gateway:
        operators = Operators(OneSecret(TOKEN), "operators")
        return surface(
            ROUTE,
            lambda app: add_routes(app, self.copy, self.desk, operators, lambda: self.counts.count("stale")),
            title="menu",
            limits=Limits(body_bytes=16_384),
        )

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """`headers`: underscores stand for hyphens."""
        given = [(name.replace("_", "-"), value) for name, value in headers.items()]
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await ask(self.app, method, f"{ROUTE}{path}", data, given)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def put(self, item_id: str, body: object, **headers: str) -> Answer:
        sent = {"authorization": f"Bearer {TOKEN}", "content_type": "application/json", **headers}
        return await self.ask("PUT", f"/items/{item_id}", body, **sent)


class World:
    """A store, a cache, a bus, and pods. `is_silent`: words on the bus are lost."""

    def __init__(self, pods: int = 1, of: Menu | None = None) -> None:
        self.clock = Clock()
        self.store = MemoryStore(of or menu())
        self.cache = MemoryCache(self.clock)
        self.is_silent = False
        self.pods = [Pod(self) for _ in range(pods)]

    async def announce(self, word: bytes) -> int:
        if not self.is_silent:
            for pod in self.pods:
                pod.copy.hear(word)
        return len(self.pods)

    async def look(self, pods: Iterable[Pod] | None = None) -> None:
        """Each pod looks after its copy once, as its loop does."""
        for pod in self.pods if pods is None else pods:
            await pod.copy.look()
