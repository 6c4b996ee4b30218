"""How many batches a mapping has at once, and what it does without a slot for one."""

import pytest

from infrastructure.embedded.apis.lambda_.tests.event_source_world import VISIBILITY_S, world
from infrastructure.embedded.apis.lambda_.tests.fake_functions import quiet
from infrastructure.embedded.tests.control import run


def test_without_a_slot_one_batch_is_taken_and_tried_again_and_the_rest_stay_visible() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(0)
            for customer in range(30):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map()
            await quiet()
            assert (it.counts(), it.functions.throttled) == ((20, 10), 1)
            for attempt in range(2, 6):
                await it.pass_time(2.0)
                assert (it.counts(), it.functions.throttled) == ((20, 10), attempt)
            it.functions.limit(100)
            assert (await it.functions.next()).bodies == [f"m{customer}" for customer in range(10)]
            assert (await it.functions.next()).bodies == [f"m{customer}" for customer in range(10, 20)]

    run(scenario())


def test_a_throttled_batch_goes_back_before_an_invocation_could_outlast_its_visibility() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(0)
            await it.send("a")
            it.map()
            await quiet()
            await it.pass_time(VISIBILITY_S - 10.0)  # less the function's time-out
            throttled = it.functions.throttled
            it.functions.limit(100)
            await quiet()
            assert (it.functions.throttled, it.functions.waiting()) == (throttled, 0)
            await it.pass_time(10.0)
            [record] = (await it.functions.next()).records
            assert record["attributes"]["ApproximateReceiveCount"] == "2"

    run(scenario())


def test_a_throttled_message_that_was_received_too_often_is_dead_as_on_aws() -> None:
    async def scenario() -> None:
        async with world(max_receives=2) as it:
            it.functions.limit(0)
            await it.send("a")
            it.map()
            for _ in range(3):
                await quiet()
                await it.pass_time(VISIBILITY_S)
            assert it.held("dead.fifo") == ["a"]

    run(scenario())


@pytest.mark.parametrize("slots", [1, 3], ids=str)
def test_with_fewer_slots_than_groups_one_batch_waits_beside_those_that_run(slots: int) -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(slots)
            for customer in range(10):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map(BatchSize=1)
            await quiet()
            assert (it.functions.running, it.counts()) == (slots, (10 - slots - 1, slots + 1))
            for number in range(10):
                running = await it.functions.next()
                assert running.bodies == [f"m{number}"]
                running.succeed()
            await quiet()
            assert it.held() == []

    run(scenario())


def test_maximum_concurrency_holds_without_a_throttle() -> None:
    async def scenario() -> None:
        async with world() as it:
            for customer in range(6):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
            await quiet()
            assert (it.functions.running, it.functions.throttled) == (2, 0)
            (await it.functions.next()).succeed()
            await quiet()
            assert (it.functions.running, it.counts()) == (2, (3, 2))

    run(scenario())


def test_the_next_batch_of_a_group_follows_at_once_where_visibility_leaves_no_time_to_wait() -> None:
    """A visibility as short as the function's time-out, the shortest that AWS allows."""

    async def scenario() -> None:
        async with world(VisibilityTimeout="10", max_receives=1) as it:
            it.map(BatchSize=1)
            await it.send(*(f"a{number}" for number in range(20)), group="a")
            for number in range(20):
                running = await it.functions.next()
                assert running.bodies == [f"a{number}"]
                running.succeed()
            await quiet()
            assert (it.held(), it.held("dead.fifo")) == ([], [])

    run(scenario())
