"""Messages from a real queue to a function and what becomes of them."""

import asyncio
import contextlib
import random
from collections import defaultdict

import pytest

from infrastructure.embedded.apis.lambda_.tests.event_source_world import VISIBILITY_S, World, world
from infrastructure.embedded.apis.lambda_.tests.fake_functions import Running, quiet
from infrastructure.embedded.tests.control import run


def test_a_batch_holds_what_waits_in_order_and_is_deleted_when_it_succeeds() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a", "b", "c")
            identity = it.map()
            running = await it.functions.next()
            assert running.bodies == ["a", "b", "c"]
            assert it.counts() == (0, 3)
            running.succeed()
            await quiet()
            assert it.held() == []
            assert it.shown(identity)["LastProcessingResult"] == "OK"

    run(scenario())


def test_a_message_that_arrives_later_is_taken_at_once_and_not_by_polling() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.map()
            await quiet()
            await it.send("a")
            await quiet()
            assert it.functions.waiting() == 1

    run(scenario())


def test_a_group_is_in_one_invocation_at_a_time_and_others_go_on_beside_it() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.map(BatchSize=1)
            await it.send("a1", "a2", group="a")
            await it.send("b1", group="b")
            first, second = await it.functions.next(), await it.functions.next()
            assert [first.bodies, second.bodies] == [["a1"], ["b1"]]
            await quiet()
            assert it.functions.waiting() == 0
            first.succeed()
            assert (await it.functions.next()).bodies == ["a2"]

    run(scenario())


def test_reported_failures_stay_until_their_visibility_ends_and_lock_their_group() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.map(FunctionResponseTypes=["ReportBatchItemFailures"])
            await it.send("a1", "a2", group="a")
            await it.send("b1", group="b")
            (await it.functions.next()).report("a2")
            await quiet()
            await it.send("a3", group="a")
            await quiet()
            assert (it.held(), it.functions.waiting()) == (["a2", "a3"], 0)
            await it.pass_time(VISIBILITY_S)
            again = await it.functions.next()
            assert again.bodies == ["a2", "a3"]
            assert [record["attributes"]["ApproximateReceiveCount"] for record in again.records] == ["2", "1"]

    run(scenario())


@pytest.mark.parametrize("reports", [[], ["ReportBatchItemFailures"]], ids=["whole", "reporting"])
def test_a_function_error_returns_the_whole_batch(reports: list[str]) -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a", "b")
            identity = it.map(FunctionResponseTypes=reports)
            (await it.functions.next()).fail()
            await quiet()
            assert it.counts() == (0, 2)
            assert it.shown(identity)["LastProcessingResult"] == "PROBLEM: Function call failed"
            await it.pass_time(VISIBILITY_S)
            assert (await it.functions.next()).bodies == ["a", "b"]

    run(scenario())


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue_and_frees_its_group() -> None:
    async def scenario() -> None:
        async with world(max_receives=3) as it:
            it.map(BatchSize=1)
            await it.send("poison", "next")
            for _ in range(3):
                running = await it.functions.next()
                assert running.bodies == ["poison"]
                running.fail()
                await quiet()
                await it.pass_time(VISIBILITY_S)
            assert (await it.functions.next()).bodies == ["next"]
            assert it.held("dead.fifo") == ["poison"]

    run(scenario())


def test_a_batching_window_gathers_until_it_is_over_or_the_batch_is_full() -> None:
    async def scenario() -> None:
        async with world(queue="orders") as it:
            it.map(BatchSize=3, MaximumBatchingWindowInSeconds=5)
            await it.send("a")
            await quiet()
            await it.pass_time(4.5)
            assert it.functions.waiting() == 0
            await it.pass_time(0.5)
            assert (await it.functions.next()).bodies == ["a"]
            await it.send("b", "c")
            await quiet()
            assert it.functions.waiting() == 0
            await it.send("d")
            assert (await it.functions.next()).bodies == ["b", "c", "d"]

    run(scenario())


def test_a_batch_of_a_standard_queue_can_be_larger_than_one_receive() -> None:
    async def scenario() -> None:
        async with world(queue="orders") as it:
            await it.send(*(f"m{number}" for number in range(25)))
            it.map(BatchSize=20, MaximumBatchingWindowInSeconds=1)
            assert len((await it.functions.next()).bodies) == 20
            await it.pass_time(1.0)
            assert len((await it.functions.next()).bodies) == 5

    run(scenario())


def test_what_one_event_cannot_hold_goes_back_at_once_in_its_order() -> None:
    async def scenario() -> None:
        async with world(MaximumMessageSize="1048576", max_receives=1) as it:  # going back is no failed attempt
            bodies = [str(number) * 1_000_000 for number in range(10)]
            for number, body in enumerate(bodies):
                parameters = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)}
                queue = it.control.backends.sqs
                queue.send_message(it.queue, body, deduplication_id=parameters["MessageDeduplicationId"], group_id="g")
            it.map()
            seen = []
            for _ in range(2):
                running = await it.functions.next()
                assert len(running.payload) <= 6 << 20
                seen += running.bodies
                running.succeed()
                await quiet()
            assert [body[0] for body in seen] == [body[0] for body in bodies]

    run(scenario())


def test_a_message_processed_for_longer_than_its_visibility_comes_again_but_not_beside_itself() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a")
            it.map()
            slow = await it.functions.next()
            await it.pass_time(VISIBILITY_S)
            assert (it.counts(), it.functions.waiting()) == ((0, 1), 0)
            slow.succeed()
            again = await it.functions.next()
            assert it.held() == ["a"]
            again.succeed()
            await quiet()
            assert it.held() == []

    run(scenario())


async def _answer_at_random(it: World, rng: random.Random, done: dict[str, list[str]]) -> None:
    """Run the function until cancelled: it fails, reports failures and succeeds; `done` has what it did by group."""
    busy: set[str] = set()

    async def one(running: Running) -> None:
        groups = {record["attributes"]["MessageGroupId"] for record in running.records}
        assert not groups & busy
        busy.update(groups)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        busy.difference_update(groups)
        if rng.random() < 0.1:
            return running.fail()
        broken: dict[str, bool] = {}
        failed = []
        for record in running.records:
            group = record["attributes"]["MessageGroupId"]
            broken[group] = broken.get(group, False) or rng.random() < 0.1
            if broken[group]:
                failed.append(record["body"])
            else:
                done[group].append(record["body"])
        return running.report(*failed)

    async with asyncio.TaskGroup() as tasks:
        while True:
            tasks.create_task(one(await it.functions.next()))


@pytest.mark.parametrize("seed", range(5))
def test_every_group_is_in_order_and_complete_whatever_fails_or_is_throttled(seed: int) -> None:
    async def scenario() -> None:
        rng = random.Random(seed)  # noqa: S311  a schedule, not a secret
        done: dict[str, list[str]] = defaultdict(list)
        async with world(max_receives=1000) as it:
            it.map(FunctionResponseTypes=["ReportBatchItemFailures"], BatchSize=rng.randint(1, 10))
            answering = asyncio.create_task(_answer_at_random(it, rng, done))
            for number in range(200):
                group = f"c{rng.randrange(8)}"
                await it.send(f"{number:04}", group=group)
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(0)
                if rng.random() < 0.05:
                    it.functions.limit(rng.choice([0, 1, 3, 100]))
                if rng.random() < 0.05:
                    await it.idle()  # or an invocation would last longer than its visibility
                    await it.pass_time(rng.choice([1.0, 20.0, VISIBILITY_S]))
            it.functions.limit(100)
            while it.held() and not answering.done():
                await it.idle()
                await it.pass_time(VISIBILITY_S)
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
            assert sum(len(bodies) for bodies in done.values()) == 200
            assert all(bodies == sorted(bodies) for bodies in done.values())

    run(scenario())
