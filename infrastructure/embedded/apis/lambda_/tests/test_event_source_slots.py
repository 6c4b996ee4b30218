"""How many batches a mapping has at once, and what it does without a slot for one."""

import pytest

from infrastructure.embedded.apis.lambda_.tests.event_source_world import VISIBILITY_S, world
from infrastructure.embedded.apis.lambda_.tests.fake_functions import quiet
from infrastructure.embedded.tests.control import run


def test_without_a_slot_five_pollers_hold_a_batch_each_and_more_come_while_messages_wait() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(0)
            for customer in range(100):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map()
            await quiet()
            assert (it.counts(), it.functions.throttled) == ((50, 50), 5)
            await it.pass_time(0.4)
            assert it.counts() == (30, 70), "300 more a minute"
            await it.pass_time(0.6)
            assert it.counts() == (0, 100)
            it.functions.limit(100)
            for batch in range(10):
                running = await it.functions.next()
                assert running.bodies == [f"m{customer}" for customer in range(10 * batch, 10 * batch + 10)]
                running.succeed()

    run(scenario())


def test_a_maximum_concurrency_is_the_most_that_is_held() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(0)
            for customer in range(100):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map(ScalingConfig={"MaximumConcurrency": 6})
            for _ in range(10):
                await it.pass_time(1.0)
            assert it.counts() == (40, 60)

    run(scenario())


def test_of_what_a_throttled_function_never_saw_all_counts_as_received() -> None:
    """200 messages in twelve visibility time-outs: none is left that nobody received."""

    async def scenario() -> None:
        async with world(max_receives=1000) as it:
            it.functions.limit(0)
            for customer in range(200):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map()
            await quiet()
            for _ in range(12 * 6):
                await it.pass_time(VISIBILITY_S / 6)
            it.functions.limit(1000)
            seen: list[int] = []
            while len(seen) < 200:
                await it.pass_time(VISIBILITY_S / 6)
                while it.functions.waiting():
                    running = await it.functions.next()
                    seen += [int(each["attributes"]["ApproximateReceiveCount"]) for each in running.records]
                    running.succeed()
                    await quiet()
            assert min(seen) >= 12

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
def test_with_fewer_slots_than_groups_batches_wait_beside_those_that_run(slots: int) -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(slots)
            for customer in range(10):
                await it.send(f"m{customer}", group=f"c{customer}")
            it.map(BatchSize=1)
            await quiet()
            assert (it.functions.running, it.counts()) == (slots, (5, 5))
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
