"""Whatever is lost, late or away: an answer that is not marked is not older than the bound."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.menu.copy import BOUND_S, FRESH_KEY, LOOK_S, SHARED_S, SLACK_S
from services.menu.domain import Offer
from services.menu.store import StoreUnavailable
from services.menu.tests.fakes import LATTE, Pod, World, menu, priced

PODS: Final = 2


@pytest.fixture(scope="module", autouse=True)
def _without_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("services.menu.desk.PAUSE_S", 0.0)
        yield


@dataclass(frozen=True)
class Event:
    """Something that happens: `pod` is whom it concerns, `after_s` how long after the one before."""

    kind: str
    pod: int
    after_s: float


OFTEN: Final = ["look", "wait", "change behind"]
SELDOM: Final = ["put", "cache", "bus", "store", "read for later", "share late", "start"]
EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.one_of(st.sampled_from(OFTEN), st.sampled_from(SELDOM)),
        pod=st.integers(0, PODS - 1),
        after_s=st.sampled_from([0.0, SLACK_S, LOOK_S, SHARED_S]),
    ),
    max_size=30,
)


class History:
    """A world in which things happen, and when each version of the menu gave way to the next."""

    def __init__(self) -> None:
        self.world = World(pods=PODS, of=menu(LATTE))
        self.ended: dict[int, float] = {}
        self.late: tuple[bytes, float] | None = None
        self._price = 1000

    async def happens(self, event: Event) -> None:
        world = self.world
        world.clock.now += event.after_s
        match event.kind:
            case "put":
                await self._put(world.pods[event.pod])
            case "look":
                await world.look([world.pods[event.pod]])
            case "cache":
                world.cache.is_down = not world.cache.is_down
            case "bus":
                world.is_silent = not world.is_silent
            case "store":
                world.store.is_away = not world.store.is_away
            case "read for later":
                self.late = world.cache.held.get(FRESH_KEY)
            case "share late":
                self._share_late()
            case "start":  # anew
                world.pods[event.pod] = Pod(world)
            case "change behind":
                self._change_behind()

    def is_true(self, pod: Pod) -> bool:
        """Whether what the pod serves is marked, or was right no longer than the bound ago."""
        known = pod.copy.known
        if known is None or pod.copy.stale_s() > 0:
            return True
        ended = self.ended.get(known.menu.version, float("inf"))
        return ended >= self.world.clock.now - BOUND_S

    async def _put(self, pod: Pod) -> None:
        before, wanted = self.world.store.menu.version, self._wanted()
        try:
            await pod.desk.put(LATTE, wanted, lambda _menu, _item: True)
        except StoreUnavailable:
            return
        self.ended[before] = self.world.clock.now
        assert pod.copy.known is not None
        assert pod.copy.known.menu.item(LATTE).offer == wanted

    def _change_behind(self) -> None:
        """A pod changes the menu and dies before it can say so."""
        self.ended[self.world.store.menu.version] = self.world.clock.now
        self.world.store.change(LATTE, self._wanted())

    def _wanted(self) -> Offer:
        self._price += 1
        return priced(self.world.store.menu, LATTE, self._price)

    def _share_late(self) -> None:
        """A pod read the menu long ago, and its entry arrives now: it lives no longer than it would have, and slack."""
        if self.late is not None and self.world.clock.now < self.late[1] + SLACK_S:
            self.world.cache.held[FRESH_KEY] = (self.late[0], self.late[1] + SLACK_S)


ENTRY_TAKEN_LATE: Final = [
    Event("change behind", 0, 0.0),
    Event("look", 1, SHARED_S - SLACK_S),
    *(Event("wait", 0, SHARED_S) for _ in range(2)),
    Event("wait", 0, LOOK_S),
]
"""An entry is as old as it may be, whoever takes it when."""


@given(EVENTS)
@example(ENTRY_TAKEN_LATE)
@settings(max_examples=300, deadline=None)
def test_an_answer_that_is_not_marked_is_not_older_than_the_bound(events: list[Event]) -> None:
    async def story() -> None:
        history = History()
        await history.world.look()
        for event in events:
            await history.happens(event)
            assert all(history.is_true(pod) for pod in history.world.pods)

    asyncio.run(story())


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_a_pod_that_looks_in_time_marks_nothing_while_the_database_answers(events: list[Event]) -> None:
    async def story() -> None:
        history = History()
        for event in events:
            if event.kind == "store":
                continue
            await history.happens(Event(event.kind, event.pod, min(event.after_s, LOOK_S)))
            await history.world.look()
            assert not any(pod.copy.is_degraded for pod in history.world.pods)

    asyncio.run(story())
