import asyncio

from services.chassis.background import cancel


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
