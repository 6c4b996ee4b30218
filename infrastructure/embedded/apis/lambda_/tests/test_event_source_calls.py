"""The calls of event source mappings, and how long a mapping lives."""

import pytest

from infrastructure.embedded.apis.lambda_.tests.event_source_world import ARN, world
from infrastructure.embedded.apis.lambda_.tests.fake_functions import FUNCTION, quiet
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.control import run


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
            with pytest.raises(Refused, match="does not exist"):
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
            it.sources.poke()
            await quiet()
            assert "does not exist" in it.shown(identity)["LastProcessingResult"]
            queues[it.queue] = queue
            it.sources.poke()
            assert (await it.functions.next()).bodies == ["a"]

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
            with pytest.raises(Refused, match=identity) as refusal:
                it.map()
            assert (refusal.value.code, refusal.value.status) == ("ResourceConflictException", 409)

    run(scenario())
