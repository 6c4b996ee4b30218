"""Messages from a real queue to a function and what becomes of them."""

import asyncio
import contextlib
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from infrastructure.embedded.controllers.lambda_calls import LambdaError
from infrastructure.embedded.controllers.lambda_event_source import LambdaEventSources
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run
from infrastructure.embedded.tests.lambda_world import FUNCTION, Clock, Functions, Running, context, quiet

URL = f"http://127.0.0.1/{ACCOUNT}/"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
VISIBILITY_S = 60.0


@dataclass(kw_only=True)
class World:
    """A queue, its dead letter queue and a function, with a clock for the queues."""

    control: Control
    clock: Clock
    functions: Functions
    sources: LambdaEventSources
    queue: str

    def map(self, **settings: Any) -> str:
        """Map the queue to the function; the mapping's UUID."""
        wanted = {"EventSourceArn": ARN + self.queue, "FunctionName": FUNCTION, **settings}
        return str(self.call("CreateEventSourceMapping", **wanted)["UUID"])

    def call(self, action: str, **parameters: Any) -> Any:
        return self.sources.calls[action](parameters)

    def shown(self, identity: str) -> Any:
        return self.call("GetEventSourceMapping", UUID=identity)

    async def send(self, *bodies: str, group: str = "g") -> None:
        for body in bodies:
            fifo = {"MessageGroupId": group, "MessageDeduplicationId": body} if ".fifo" in self.queue else {}
            await self.control.ask("sqs", "SendMessage", QueueUrl=URL + self.queue, MessageBody=body, **fifo)

    def held(self, queue: str = "") -> list[str]:
        """The bodies in a queue, in the order sent."""
        box = self.control.backends.sqs.queues[queue or self.queue].box
        return [each.body.body for each in box._held.values()]

    def counts(self) -> tuple[int, int]:
        """Visible, in flight."""
        counts = self.control.backends.sqs.queues[self.queue].counts()
        return counts.visible, counts.in_flight

    async def idle(self) -> None:
        """Until no batch is on its way; somebody answers the invocations."""
        await quiet()
        while any(record.poller._running for record in self.sources._records.values()):
            await quiet()

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.sources.reconcile()
        await quiet()


@asynccontextmanager
async def world(*, queue: str = "orders.fifo", max_receives: int = 3, **attributes: str) -> AsyncIterator[World]:
    control, clock, functions = Control(), Clock(), Functions()
    fifo = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
    dead = "dead" + queue.removeprefix("orders")
    await control.ask("sqs", "CreateQueue", QueueName=dead, Attributes=fifo)
    redrive = json.dumps({"deadLetterTargetArn": ARN + dead, "maxReceiveCount": str(max_receives)})
    wanted = {**fifo, "VisibilityTimeout": str(int(VISIBILITY_S)), "RedrivePolicy": redrive, **attributes}
    await control.ask("sqs", "CreateQueue", QueueName=queue, Attributes=wanted)
    for each in control.backends.sqs.queues.values():
        each.clock = clock
    sources = LambdaEventSources(context(control), functions)
    try:
        yield World(control=control, clock=clock, functions=functions, sources=sources, queue=queue)
    finally:
        await sources.close()


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
            await it.pass_time(VISIBILITY_S - 20.0)  # less the function's time-out, and the longest cold start
            throttled = it.functions.throttled
            it.functions.limit(100)
            await quiet()
            assert (it.functions.throttled, it.functions.waiting()) == (throttled, 0)
            await it.pass_time(20.0)
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
        async with world(MaximumMessageSize="1048576") as it:
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


def test_a_disabled_mapping_finishes_what_it_began_and_takes_no_more() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a")
            identity = it.map(BatchSize=1)
            running = await it.functions.next()
            it.call("UpdateEventSourceMapping", UUID=identity, Enabled=False)
            await it.send("b", group="h")
            await quiet()
            assert it.shown(identity)["State"] == "Disabling"
            running.succeed()
            await quiet()
            assert (it.shown(identity)["State"], it.held(), it.functions.waiting()) == ("Disabled", ["b"], 0)
            it.call("UpdateEventSourceMapping", UUID=identity, Enabled=True)
            assert (await it.functions.next()).bodies == ["b"]
            assert it.shown(identity)["State"] == "Enabled"

    run(scenario())


def test_a_deleted_mapping_is_there_until_its_batches_are_done() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a")
            identity = it.map()
            running = await it.functions.next()
            assert it.call("DeleteEventSourceMapping", UUID=identity)["State"] == "Deleting"
            await it.send("b", group="h")
            running.succeed()
            await quiet()
            assert it.held() == ["b"]
            with pytest.raises(LambdaError, match="does not exist"):
                it.shown(identity)
            assert not it.functions.watchers
            assert not it.control.backends.sqs.queues[it.queue].watchers

    run(scenario())


def test_a_mapping_outlives_its_function_and_its_queue_and_works_again_when_they_are_back() -> None:
    async def scenario() -> None:
        async with world() as it:
            identity = it.map()
            function, it.functions.target_now = it.functions.target_now, None
            await it.send("a")
            await quiet()
            assert (it.held(), it.counts()) == (["a"], (1, 0))
            assert "Function not found" in it.shown(identity)["LastProcessingResult"]
            assert len(it.call("ListEventSourceMappings", FunctionName=FUNCTION)["EventSourceMappings"]) == 1
            it.functions.target_now = function
            queues = it.control.backends.sqs.queues
            queue = queues.pop(it.queue)
            await it.sources.reconcile()
            await quiet()
            assert "does not exist" in it.shown(identity)["LastProcessingResult"]
            queues[it.queue] = queue
            await it.sources.reconcile()
            assert (await it.functions.next()).bodies == ["a"]

    run(scenario())


def test_a_message_whose_delivery_ended_meanwhile_comes_again() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.send("a")
            it.map()
            slow = await it.functions.next()
            await it.pass_time(VISIBILITY_S)
            again = await it.functions.next()
            slow.succeed()
            await quiet()
            assert it.held() == ["a"]
            again.succeed()
            await quiet()
            assert it.held() == []

    run(scenario())


def test_mappings_are_listed_by_function_and_queue_in_pages() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.control.ask("sqs", "CreateQueue", QueueName="more", Attributes={"VisibilityTimeout": "60"})
            first, second = it.map(), it.map(EventSourceArn=ARN + "more")
            page = it.call("ListEventSourceMappings", FunctionName=FUNCTION, MaxItems=1)
            assert [each["UUID"] for each in page["EventSourceMappings"]] == [first]
            rest = it.call("ListEventSourceMappings", Marker=page["NextMarker"])
            assert [each["UUID"] for each in rest["EventSourceMappings"]] == [second]
            only = it.call("ListEventSourceMappings", EventSourceArn=ARN + "more")
            assert [each["UUID"] for each in only["EventSourceMappings"]] == [second]
            assert "NextMarker" not in rest

    run(scenario())


def test_a_second_mapping_of_the_same_queue_and_function_is_refused() -> None:
    async def scenario() -> None:
        async with world() as it:
            identity = it.map()
            with pytest.raises(LambdaError, match=identity) as refusal:
                it.map()
            assert (refusal.value.code, refusal.value.status) == ("ResourceConflictException", 409)

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
