"""Controllers are woken, kept going and asked whether they are settled."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

import pytest

from infrastructure.embedded.control.controller import Controller
from infrastructure.embedded.control.reconciler import Backoff, Reconciler

NEVER_S = 3600.0


class Counting:
    """Counts its passes and tells each; `during` runs inside a pass."""

    name: ClassVar[str] = "ecs"
    watches: ClassVar[frozenset[str]] = frozenset({"ecs"})

    def __init__(self, during: Callable[[], None] = lambda: None) -> None:
        self.passes = 0
        self.is_closed = False
        self.reasons: tuple[str, ...] = ()
        self.look_s: float | None = None
        self._during = during
        self._passed = asyncio.Condition()

    async def reconcile(self, _key: str, /) -> float | None:
        self.passes += 1
        async with self._passed:
            self._passed.notify_all()
        self._during()
        return self.look_s

    async def close(self) -> None:
        self.is_closed = True

    def unsettled(self) -> tuple[str, ...]:
        return self.reasons

    async def passed(self, count: int) -> None:
        async with asyncio.timeout(5.0), self._passed:
            await self._passed.wait_for(lambda: self.passes >= count)


class Watching(Counting):
    name: ClassVar[str] = "elasticloadbalancing"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticloadbalancing", "ecs"})


class Groups:
    """Keeps a group for each key of `there`; one whose key is in `broken` fails. A `held` group's passes wait."""

    name: ClassVar[str] = "elasticache"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticache"})

    def __init__(self, *there: str, broken: tuple[str, ...] = ()) -> None:
        self.there, self.broken, self.held = set(there), set(broken), set[str]()
        self.passes: Counter[str] = Counter()
        self._passed = asyncio.Condition()

    def keys(self) -> frozenset[str]:
        return frozenset(self.there)

    async def reconcile(self, key: str, /) -> None:
        self.passes[key] += 1
        async with self._passed:
            self._passed.notify_all()
        if key in self.broken:
            raise RuntimeError("no memory")
        if key in self.held:
            await asyncio.Event().wait()

    async def close(self) -> None: ...

    async def passed(self, key: str, count: int) -> None:
        async with asyncio.timeout(5.0), self._passed:
            await self._passed.wait_for(lambda: self.passes[key] >= count)


def run(
    controllers: Sequence[Controller],
    body: Callable[[Reconciler], Awaitable[None]],
    resync_s: float = NEVER_S,
    backoff: Backoff | None = None,
) -> None:
    async def all_of_it() -> None:
        reconciler = Reconciler(resync_s, backoff)
        reconciler.adopt(controllers)
        reconciler.start()
        await body(reconciler)
        await reconciler.close()

    asyncio.run(all_of_it())


def test_every_controller_makes_a_first_pass() -> None:
    first, second = Counting(), Watching()

    async def body(_: Reconciler) -> None:
        await first.passed(1)
        await second.passed(1)

    run([first, second], body)
    assert first.is_closed
    assert second.is_closed


def test_wakes_that_come_together_are_one_pass() -> None:
    controller = Counting()

    async def body(reconciler: Reconciler) -> None:
        await controller.passed(1)
        for _ in range(10):
            reconciler.wake("ecs")
        await controller.passed(2)
        await reconciler.settled(1.0)
        assert controller.passes == 2

    run([controller], body)


def test_a_wake_during_a_pass_is_another_pass() -> None:
    async def body(reconciler: Reconciler) -> None:
        controller = Counting(lambda: reconciler.wake("ecs") if controller.passes == 1 else None)
        reconciler.adopt([controller])
        reconciler.start()
        await controller.passed(2)
        await reconciler.settled(1.0)
        assert controller.passes == 2

    run([], body)


@pytest.mark.parametrize(
    ("service", "woken"),
    [
        ("ecs", (2, 2)),
        ("elasticloadbalancing", (1, 2)),
        ("sqs", (1, 1)),
        ("cloudformation", (2, 2)),
    ],
)
def test_a_call_wakes_the_controllers_that_watch_its_api(service: str, woken: tuple[int, int]) -> None:
    first, second = Counting(), Watching()

    async def body(reconciler: Reconciler) -> None:
        await reconciler.settled(1.0)
        reconciler.notify(service)
        await reconciler.settled(1.0)

    run([first, second], body)
    assert (first.passes, second.passes) == woken


def test_the_slow_tick_makes_a_pass_without_a_wake() -> None:
    controller = Counting()
    run([controller], lambda _: controller.passed(3), resync_s=0.01)


def test_a_failing_pass_is_counted_told_and_tried_again() -> None:
    def fail_twice() -> None:
        if controller.passes <= 2:
            raise RuntimeError("no such cluster")

    controller = Counting(fail_twice)

    async def body(reconciler: Reconciler) -> None:
        assert await reconciler.settled(0.05) == ("ecs fails: no such cluster",)
        reconciler.wake("ecs")
        await controller.passed(2)
        assert await reconciler.settled(0.05) == ("ecs fails: no such cluster",)
        reconciler.wake("ecs")
        assert await reconciler.settled(1.0) == ()
        assert reconciler.failures == {"ecs": 2}

    run([controller], body)


def test_settled_waits_for_the_reasons_to_go() -> None:
    controller = Counting()
    controller.reasons = ("order has 1 of 2 tasks",)

    async def body(reconciler: Reconciler) -> None:
        assert await reconciler.settled(0.05) == ("order has 1 of 2 tasks",)
        waiting = asyncio.create_task(reconciler.settled(5.0))
        await asyncio.sleep(0)
        controller.reasons = ()
        reconciler.wake("ecs")
        assert await waiting == ()

    run([controller], body)


def test_a_change_nobody_has_looked_at_is_not_settled() -> None:
    controller = Counting()

    async def body(reconciler: Reconciler) -> None:
        await reconciler.settled(1.0)
        reconciler.wake("ecs")
        assert reconciler.unsettled() == ("ecs has not looked at the latest changes yet",)

    run([controller], body)


def test_an_unknown_controller_is_named_with_the_known_ones() -> None:
    async def body(reconciler: Reconciler) -> None:
        with pytest.raises(KeyError, match="no controller is called 'lambda'; known: ecs"):
            reconciler.wake("lambda")

    run([Counting()], body)


def test_one_controller_that_does_not_close_keeps_no_other_open() -> None:
    class Defective(Watching):
        async def close(self) -> None:
            raise RuntimeError("a defect")

    first, last = Counting(), Defective()

    async def body(_: Reconciler) -> None:
        await first.passed(1)

    run([first, last], body)
    assert first.is_closed


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (10_000, 30.0)], ids=str
)
def test_each_failure_in_a_row_waits_twice_as_long_up_to_the_cap(failures: int, delay_s: float) -> None:
    assert Backoff().delay_s(failures) == delay_s


def test_a_failing_pass_is_tried_again_without_a_wake_and_success_ends_it() -> None:
    def fail_thrice() -> None:
        if controller.passes <= 3:
            raise RuntimeError("no such cluster")

    controller = Counting(fail_thrice)

    async def body(reconciler: Reconciler) -> None:
        assert await reconciler.settled(5.0) == ()
        assert (controller.passes, reconciler.failures) == (4, {"ecs": 3})

    run([controller], body, backoff=Backoff(first_s=0.001, most_s=0.002))


def test_the_slow_tick_does_not_shorten_the_wait_after_a_failure_and_a_wake_does() -> None:
    def fail() -> None:
        raise RuntimeError("no such cluster")

    controller, ticking = Counting(fail), Watching()

    async def body(reconciler: Reconciler) -> None:
        await ticking.passed(5)
        assert controller.passes == 1
        reconciler.wake("ecs")
        await controller.passed(2)

    run([controller, ticking], body, resync_s=0.01, backoff=Backoff(first_s=NEVER_S, most_s=NEVER_S))


def test_a_pass_says_when_to_look_again() -> None:
    controller = Counting()
    controller.look_s = 0.01
    run([controller], lambda _: controller.passed(3))


def test_every_object_has_passes_of_its_own() -> None:
    """One that hangs or fails keeps no other from its passes, and is named."""
    controller = Groups("cafe", "other", "third", broken=("other",))
    controller.held.add("third")

    async def body(reconciler: Reconciler) -> None:
        await controller.passed("cafe", 1)
        await controller.passed("third", 1)
        for count in (2, 3):
            reconciler.wake("elasticache")
            await controller.passed("cafe", count)
            await controller.passed("other", count)
        assert controller.passes["third"] == 1, "one pass at a time"
        assert await reconciler.settled(0.05) == (
            "elasticache other fails: no memory",
            "elasticache has not looked at the latest changes yet",
        )

    run([controller], body)


def test_a_pass_that_is_under_way_is_not_settled() -> None:
    """The first one, of which nobody has heard anything yet."""
    entered, released = asyncio.Event(), asyncio.Event()

    class Held(Counting):
        async def reconcile(self, key: str, /) -> float | None:
            entered.set()
            await released.wait()
            return await super().reconcile(key)

    async def body(reconciler: Reconciler) -> None:
        await entered.wait()
        assert reconciler.unsettled() == ("ecs has not looked at the latest changes yet",)
        released.set()
        assert await reconciler.settled(5.0) == ()

    run([Held()], body)


def test_objects_come_and_go() -> None:
    controller = Groups(broken=("cafe",))

    async def body(reconciler: Reconciler) -> None:
        assert await reconciler.settled(1.0) == ()
        controller.there.add("cafe")
        reconciler.notify("elasticache")
        assert await reconciler.settled(0.05) == ("elasticache cafe fails: no memory",)
        controller.there.clear()
        reconciler.notify("elasticache")
        assert await reconciler.settled(1.0) == (), "what is gone is not waited for"
        assert controller.passes == {"cafe": 1}

    run([controller], body)


def test_one_object_is_woken_alone() -> None:
    controller = Groups("blue", "green")

    async def body(reconciler: Reconciler) -> None:
        await controller.passed("blue", 1)
        await controller.passed("green", 1)
        reconciler.wake("elasticache", "blue")
        await controller.passed("blue", 2)
        controller.there.add("red")
        reconciler.wake("elasticache", "red")
        await controller.passed("red", 1)
        assert controller.passes["green"] == 1

    run([controller], body)
