"""The workload queue: who comes first runs first, nobody's slot is lost, and an emptied queue fails who waits."""

import asyncio

import pytest

from infrastructure.embedded.engines.warehouse.queue import Lost, Queue

pytestmark = pytest.mark.anyio


async def hold(queue: Queue, name: int, order: list[int], until: asyncio.Event) -> None:
    async with queue.slot():
        order.append(name)
        await until.wait()


async def turn() -> None:
    """Let every task do what it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_are_given_first_come_first_served() -> None:
    queue, order, until = Queue(slots=2), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(queue, number, order, until)) for number in range(4)]
    await turn()
    assert (order, queue.running, queue.waiting) == ([0, 1], 2, 2)
    until.set()
    await asyncio.gather(*tasks)
    assert (order, queue.running, queue.waiting) == ([0, 1, 2, 3], 0, 0)


async def test_one_that_gives_up_waiting_loses_no_slot() -> None:
    queue, order, until = Queue(slots=1), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(queue, number, order, until)) for number in range(3)]
    await turn()
    tasks[1].cancel()
    until.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (order, queue.running, queue.waiting) == ([0, 2], 0, 0)


async def test_one_that_gives_up_at_its_turn_gives_the_slot_on() -> None:
    queue, order, until = Queue(slots=1), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(queue, number, order, until)) for number in range(3)]
    await turn()
    until.set()
    await asyncio.sleep(0)  # the first one leaves, and the slot is the second one's, who has not noticed
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order[-1] == 2
    assert (queue.running, queue.waiting) == (0, 0)


async def test_an_emptied_queue_fails_all_that_wait() -> None:
    queue, order, until = Queue(slots=1), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(hold(queue, number, order, until)) for number in range(3)]
    await turn()
    queue.empty("The cluster was paused")
    await turn()
    for task in tasks[1:]:
        with pytest.raises(Lost, match="The cluster was paused"):
            await task
    until.set()
    await tasks[0]
    assert order == [0]
