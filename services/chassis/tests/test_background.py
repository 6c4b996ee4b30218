import asyncio

import pytest

from services.chassis.background import backoff_s, cancel


def test_what_a_cancelled_task_does_to_clean_up_is_waited_for_and_not_interrupted() -> None:
    async def story() -> list[str]:
        events: list[str] = []
        started, may_end = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            try:
                started.set()
                await asyncio.Event().wait()
            finally:
                events.append("cleaning")
                asyncio.get_running_loop().call_soon(may_end.set)
                await may_end.wait()
                events.append("clean")

        task = asyncio.create_task(work())
        await started.wait()
        await cancel(task)
        assert task.cancelling() == 1
        return events

    assert asyncio.run(story()) == ["cleaning", "clean"]


def test_tasks_that_have_ended_are_not_waited_for() -> None:
    async def story() -> None:
        async def work() -> None:
            return

        task = asyncio.create_task(work())
        await task
        await cancel(task)
        await cancel()

    asyncio.run(asyncio.wait_for(story(), 5))


@pytest.mark.parametrize(
    ("failures", "ceiling_s"), [(1, 0.1), (2, 0.2), (5, 1.6), (7, 5.0), (2_000, 5.0), (10**6, 5.0)]
)
def test_a_back_off_doubles_up_to_its_end_and_holds_through_hours_of_failures(failures: int, ceiling_s: float) -> None:
    pauses = [backoff_s(failures, first_s=0.1, most_s=5.0) for _ in range(50)]
    assert all(ceiling_s / 2 <= pause <= ceiling_s for pause in pauses)
    assert len(set(pauses)) > 1, "tasks must not come back together"
