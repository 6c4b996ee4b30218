"""One run over several tasks, on a real Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.chassis.background import cancel
from services.chassis.redis.bus import Bus
from services.chassis.redis.cache import connect
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.stress.coordination import Busy, CoordinationUnreachable, Coordinator
from services.chassis.stress.engine import Engine, StressRun

ENTRY = "services.chassis.stress.tests.spin:spin"


class Task:
    """One task of the service: its coordinator, its engine and what makes them follow."""

    def __init__(self, url: str, name: str) -> None:
        self.redis = connect(url, Resilient(budget=RetryBudget(), on_retry=lambda: None))
        self.bus = Bus(self.redis, url)
        self.coordinator = Coordinator(self.redis, self.bus, "order")
        self.engine = Engine(entry=ENTRY, vcpu=0.1, task=name, report=self.coordinator.report)

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator["Task"]:
        subscribed = asyncio.Event()

        def connected() -> None:
            self.coordinator.look()
            subscribed.set()

        work = [
            asyncio.create_task(self.coordinator.follow(self.engine)),
            asyncio.create_task(self.bus.listen({self.coordinator.channel: self.coordinator.look}, connected)),
        ]
        await subscribed.wait()
        try:
            yield self
        finally:
            await cancel(*work)
            await self.redis.flushall()
            await self.redis.aclose()

    async def until(self, state: str, tasks: int) -> None:
        """Wait until so many tasks say that they are in `state`."""
        while True:
            latest = await self.coordinator.latest()
            if latest is not None and sum(progress.state == state for progress in latest[2]) == tasks:
                return
            await asyncio.sleep(0.05)


def run(duration_s: float = 30.0, run_id: str = "r1") -> StressRun:
    return StressRun(run_id=run_id, target_cpu=10.0, duration_s=duration_s, started_at=1.0)


def test_every_task_takes_part_and_every_task_can_tell_and_stop(redis_url: str) -> None:
    async def story() -> None:
        async with Task(redis_url, "a").following() as a, Task(redis_url, "b").following() as b:
            await a.coordinator.start(run())
            await b.until("running", tasks=2)
            with pytest.raises(Busy, match="r1"):
                await b.coordinator.start(run(run_id="r2"))
            latest = await b.coordinator.latest()
            assert latest is not None
            assert (latest[0], latest[1]) == (run(), True)
            await b.coordinator.stop()
            await a.until("stopped", tasks=2)
            assert a.engine.run is b.engine.run is None
            await b.coordinator.stop()

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_task_that_comes_late_joins_in(redis_url: str) -> None:
    async def story() -> None:
        async with Task(redis_url, "a").following() as a:
            await a.coordinator.start(run())
            async with Task(redis_url, "b").following() as b:
                await b.until("running", tasks=2)
                await b.coordinator.stop()

    asyncio.run(asyncio.wait_for(story(), 30))


def test_everything_that_is_left_expires(redis_url: str) -> None:
    async def story() -> dict[bytes | str, int]:
        async with Task(redis_url, "a").following() as a:
            await a.coordinator.start(run(duration_s=1.0))
            await a.until("finished", tasks=1)
            assert await a.redis.get("stress:order") is None
            return {key: await a.redis.pttl(key) for key in await a.redis.keys("*")}

    left = asyncio.run(asyncio.wait_for(story(), 30))
    assert left
    assert all(ttl > 0 for ttl in left.values())


def test_a_look_that_failed_is_made_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told meanwhile is not told twice: without another look the task would miss the run."""

    async def story() -> None:
        async with Task(redis_url, "a").following() as a, Task(redis_url, "b").following() as b:
            failed = asyncio.Event()

            async def broken_once(_key: str) -> bytes | None:
                monkeypatch.undo()
                failed.set()
                raise TimeoutError

            monkeypatch.setattr(b.redis, "get", broken_once)
            await a.coordinator.start(run())
            await failed.wait()
            await a.until("running", tasks=2)
            await a.coordinator.stop()

    asyncio.run(asyncio.wait_for(story(), 30))


def test_without_redis_the_tasks_cannot_agree() -> None:
    async def story() -> None:
        redis: Redis = Redis.from_url("unix:///nowhere/redis.sock")
        coordinator = Coordinator(redis, Bus(redis, "unix:///nowhere/redis.sock"), "order")
        with pytest.raises(CoordinationUnreachable):
            await coordinator.start(run())
        with pytest.raises(CoordinationUnreachable):
            await coordinator.latest()
        with pytest.raises(CoordinationUnreachable):
            await coordinator.stop()
        await redis.aclose()

    asyncio.run(story())
