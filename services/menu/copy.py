"""The menu as a pod knows it: a copy in memory that follows DocumentDB, by way of ElastiCache.

    PUT in a pod ──> DocumentDB ──> this pod's copy ──> ElastiCache ──> word on the bus ──> every other pod looks
                                                                        every LOOK_S   ──> every pod looks

Requests are answered from memory and wait for nobody. One loop a pod looks after the copy, so there is one load at a
time, however many ask. A change shows in the pods within milliseconds; where the word or the entry in ElastiCache is
lost, within `BOUND_S`: as old as an entry may be, the time between two looks, and the time a look takes. A copy that
is older than that, since nobody answers, is still served and says so.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import orjson

from services.chassis.background import rest
from services.chassis.redis.cache import Cache, CacheUnavailable
from services.menu.answers import Answers
from services.menu.domain import Menu, UnreadableMenu, read_menu, written
from services.menu.store import Store, StoreUnavailable

LOOK_S: Final = 1.0
"""Time between two looks of a pod."""
SHARED_S: Final = 2.0
"""How long an entry in ElastiCache stands for DocumentDB, from the moment that it was read there."""
SLACK_S: Final = 0.5
"""How long the writing of the entry may take (`redis/cache.py`), which comes on top."""
BOUND_S: Final = 5.0
"""After a change is acknowledged no pod answers with what was before, unless it marks it as stale."""
LAST_S: Final = 86_400.0
"""How long ElastiCache keeps the last known menu for pods that start while DocumentDB is away."""
FRESH_KEY: Final = "menu:fresh"
LAST_KEY: Final = "menu:last"
CHANNEL: Final = "menu:changed"

LOADS: Final = "MenuLoads"
"""Reads of DocumentDB."""
SHARED: Final = "MenuSharedReads"
"""Looks that found a menu in ElastiCache."""

_log = logging.getLogger(__name__)


class Counts(Protocol):
    """Counts what happens, by name."""

    def count(self, name: str, by: int = 1) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A menu, rendered, and since when it may have changed unnoticed, in seconds of the monotonic clock."""

    menu: Menu
    answers: Answers
    as_of: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What requests are answered with, and for how long it may be out of date: not above 0, it is fresh."""

    answers: Answers
    stale_s: float


class MenuCopy:
    """Run `keep` as a task; it ends only when cancelled."""

    def __init__(
        self, store: Store, cache: Cache, counts: Counts, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._cache = cache
        self._counts = counts
        self._clock = clock
        self._word = asyncio.Event()
        self._heard: tuple[str, int] = ("", 0)
        self._changes = 0
        self._is_away = False
        self.known: Known | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether DocumentDB did not answer when it was last needed."""
        return self._is_away or self.stale_s() > 0

    def stale_s(self) -> float:
        """For how long the copy may have been wrong beyond `BOUND_S`; not above 0 while all is well."""
        return float("inf") if self.known is None else self._clock() - self.known.as_of - BOUND_S

    def age_s(self) -> float:
        """Seconds since the copy was known to be right; 0 before there is one."""
        known = self.known
        return 0.0 if known is None or known.as_of == float("-inf") else max(self._clock() - known.as_of, 0.0)

    async def current(self) -> Current:
        """What requests are answered with; `StoreUnavailable` before anything is known."""
        if self.known is None:
            raise StoreUnavailable("the menu was not read yet")
        return Current(answers=self.known.answers, stale_s=self.stale_s())

    def hear(self, message: bytes) -> None:
        """A pod has changed the menu: look now, and take nothing older for it."""
        born, _, version = message.decode().rpartition(":")
        self._heard = (born, int(version))
        self._word.set()

    def wake(self) -> None:
        """Look now: a word may have been missed."""
        self._word.set()

    async def keep(self) -> None:
        """Look after the copy, until cancelled."""
        while True:
            self._word.clear()
            try:
                await self.look()
            except Exception:  # without the loop the copy would grow old; the log has all of it  # noqa: BLE001
                _log.exception("the menu was not looked after")
            await rest(LOOK_S, until=self._word)

    async def look(self) -> None:
        """Take the menu from ElastiCache if that is young enough, else from DocumentDB. Keeps what is, when neither."""
        began, changes = self._clock(), self._changes
        shared = await self._cached(FRESH_KEY)
        if shared is not None and not self._is_outdated(shared):
            self._counts.count(SHARED)
            self._answered()
            self._take(shared, began - SHARED_S - SLACK_S)
            return
        try:
            menu = await self._store.read()
        except StoreUnavailable as error:
            self._failed(error)
            await self._resort()
            return
        self._counts.count(LOADS)
        self._answered()
        if changes == self._changes:  # else somebody has changed it here meanwhile, and this may be from before
            self._take(menu, began)
            await self._share(menu, began)

    async def changed(self, menu: Menu) -> bytes:
        """Take the menu as a change of this pod's has left it, and share it; the word for the others."""
        self._changes += 1
        began = self._clock()
        if self.known is None or not menu.is_older_than(self.known.menu):
            self._take(menu, began)
            await self._share(menu, began)
        return f"{menu.born}:{menu.version}".encode()

    def _answered(self) -> None:
        if self._is_away:
            _log.info("the menu is followed again")
        self._is_away = False

    def _failed(self, error: StoreUnavailable) -> None:
        """Said once for each time that it goes away."""
        if not self._is_away:
            _log.warning("the menu is served as it was", extra={"error": str(error)[:500]})
        self._is_away = True

    def _is_outdated(self, shared: Menu) -> bool:
        born, version = self._heard
        is_unheard = shared.born == born and shared.version < version
        return is_unheard or (self.known is not None and shared.is_older_than(self.known.menu))

    def _take(self, menu: Menu, as_of: float) -> None:
        known = self.known
        if known is not None and known.menu.is_same_as(menu):
            self.known = replace(known, as_of=max(known.as_of, as_of))
        else:
            self.known = Known(menu=menu, answers=Answers(menu), as_of=as_of)

    async def _share(self, menu: Menu, read_at: float) -> None:
        body = orjson.dumps(written(menu))
        try:
            await self._cache.put(LAST_KEY, body, ttl_s=LAST_S)
            left_s = read_at + SHARED_S - self._clock()
            if left_s > 0:
                await self._cache.put(FRESH_KEY, body, ttl_s=left_s)
        except CacheUnavailable:
            return  # the others ask DocumentDB themselves

    async def _resort(self) -> None:
        """A pod that knows nothing takes the last that anybody knew."""
        if self.known is None and (last := await self._cached(LAST_KEY)) is not None:
            self._take(last, float("-inf"))

    async def _cached(self, key: str) -> Menu | None:
        try:
            found = await self._cache.get(key)
            return None if found is None else read_menu(orjson.loads(found))
        except CacheUnavailable:
            return None
        except (orjson.JSONDecodeError, UnreadableMenu, AttributeError) as error:
            _log.warning("no menu in ElastiCache", extra={"key": key, "error": str(error)[:500]})
            return None
