"""How the pods' copies follow the store: at once, or within the bound, or marked."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.menu.copy import BOUND_S, FRESH_KEY, LAST_KEY, LOADS, LOOK_S, SHARED
from services.menu.domain import Offer
from services.menu.tests.fakes import LATTE, Pod, World, priced

BODY = {"name": "Caffè Latte, grande", "category": "coffee", "price_cents": 455}
Story = Callable[[World], Awaitable[None]]


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Let everything else run until it is; a second at most."""
    async with asyncio.timeout(1.0):
        while not await is_so():  # noqa: ASYNC110 - nothing of the code under test tells
            await asyncio.sleep(0)


def told(story: Story) -> None:
    """`story`, of two pods that have read their menu."""

    async def run() -> None:
        world = World(pods=2)
        await world.look()
        await story(world)

    asyncio.run(run())


async def price(pod: Pod) -> tuple[object, bool]:
    """What the pod says the latte costs, and whether it says that this may be out of date."""
    answer = await pod.get(f"/items/{LATTE}")
    return answer.document["price_cents"], "cache-status" in answer.headers


def test_one_pod_reads_the_database_and_the_others_what_it_read() -> None:
    async def story(world: World) -> None:
        assert world.store.reads == 1
        assert [pod.counts[LOADS] + pod.counts[SHARED] for pod in world.pods] == [1, 1]

    told(story)


def test_another_pod_has_a_change_once_it_has_heard_of_it() -> None:
    async def story(world: World) -> None:
        one, other = world.pods
        await one.put(LATTE, BODY)
        assert await price(one) == (455, False)
        await world.look([other])
        assert await price(other) == (455, False)

    told(story)


def test_the_loop_looks_as_soon_as_it_hears() -> None:
    async def run() -> None:
        world = World(pods=2)
        one, other = world.pods

        async def is_known() -> bool:
            return all(pod.copy.known for pod in world.pods)

        async def has_changed() -> bool:
            return await price(other) == (455, False)

        loops = [asyncio.create_task(pod.copy.keep()) for pod in world.pods]
        await until(is_known)
        await one.put(LATTE, BODY)
        await until(has_changed)
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("lost", "is_cache_down"),
    [("the word", False), ("the word and the cache", True), ("the word, and an old entry comes after", False)],
    ids=["word", "word-and-cache", "old-entry"],
)
def test_without_the_word_no_pod_goes_on_beyond_the_bound(lost: str, is_cache_down: bool) -> None:
    async def story(world: World) -> None:
        one, other = world.pods
        before = world.cache.held[FRESH_KEY][0]
        world.is_silent, world.cache.is_down = True, is_cache_down
        await one.put(LATTE, BODY)
        if "old entry" in lost:  # another pod read before the change, and shares after it
            await world.cache.put(FRESH_KEY, before, ttl_s=2.0)
        changed_at = world.clock.now
        while world.clock.now < changed_at + BOUND_S:
            await world.look([other])
            if (await price(other))[0] == 455:
                return
            world.clock.now += LOOK_S
        raise AssertionError(f"{lost} was lost, and the old price still shown after {BOUND_S} s")

    told(story)


def test_an_old_entry_is_not_taken_for_what_was_heard_or_known() -> None:
    async def story(world: World) -> None:
        one, other = world.pods
        before = world.cache.held[FRESH_KEY]
        await one.put(LATTE, BODY)
        for pod in (other, one):
            world.cache.held[FRESH_KEY] = before
            await world.look([pod])
            assert await price(pod) == (455, False)

    told(story)


def test_a_look_that_began_before_a_change_does_not_undo_it() -> None:
    async def story(world: World) -> None:
        one = world.pods[0]

        async def is_reading() -> bool:
            return world.store.reads == 2

        world.clock.now += 3  # nothing in the cache: the look asks the database
        looking = asyncio.create_task(one.copy.look())
        await until(is_reading)
        old = world.store.menu
        world.store.change(LATTE, priced(old, LATTE, 455))
        await one.copy.changed(world.store.menu)
        world.store.menu, new = old, world.store.menu  # what the look is given is from before
        await looking
        world.store.menu = new
        assert await price(one) == (455, False)

    told(story)


def test_with_everything_away_a_pod_serves_what_it_has_and_marks_it() -> None:
    async def story(world: World) -> None:
        world.store.is_away = world.cache.is_down = True
        world.clock.now += BOUND_S + 1
        await world.look()
        assert [await price(pod) for pod in world.pods] == [(445, True)] * 2

    told(story)


def test_a_pod_that_starts_without_the_database_serves_the_last_that_was_known() -> None:
    async def story(world: World) -> None:
        world.store.is_away = True
        world.clock.now += 3600
        new = Pod(world)
        await new.copy.look()
        assert await price(new) == (445, True)
        assert new.copy.is_degraded

    told(story)


@pytest.mark.parametrize("found", [b"", b"[]", b"{}", b"nonsense", b'{"born":"b","version":1,"items":{"a":{}}}'])
def test_what_is_no_menu_in_the_cache_is_not_taken_for_one(found: bytes) -> None:
    async def story(world: World) -> None:
        world.cache.held[FRESH_KEY] = world.cache.held[LAST_KEY] = (found, float("inf"))
        new = Pod(world)
        await new.copy.look()
        assert await price(new) == (445, False)

    told(story)


def test_a_menu_made_anew_is_taken_though_its_version_is_lower() -> None:
    async def story(world: World) -> None:
        one = world.pods[0]
        await one.put(LATTE, BODY)
        anew = World().store.menu
        world.store.menu = type(anew)(born="b1", version=1, items=anew.items)
        world.clock.now += 3
        await world.look()
        assert [await price(pod) for pod in world.pods] == [(445, False)] * 2

    told(story)


def test_any_number_of_requests_ask_nobody() -> None:
    async def story(world: World) -> None:
        world.store.is_away = world.cache.is_down = True
        answers = await asyncio.gather(*(world.pods[0].get("/items") for _ in range(100)))
        assert {answer.status for answer in answers} == {200}
        assert world.store.reads == 1

    told(story)


@pytest.mark.parametrize("word", [b"", b"b0", b"b0:x", b"\xff"])
def test_a_word_that_says_nothing_is_an_error_and_changes_nothing(word: bytes) -> None:
    async def story(world: World) -> None:
        with pytest.raises(ValueError, match=r"literal|decode"):
            world.pods[0].copy.hear(word)
        await world.look()
        assert await price(world.pods[0]) == (445, False)

    told(story)


def test_an_offer_is_all_that_changes() -> None:
    async def story(world: World) -> None:
        await world.pods[0].put(LATTE, BODY)
        assert world.store.menu.item(LATTE).offer == Offer(
            name="Caffè Latte, grande", category="coffee", price_cents=455
        )

    told(story)
