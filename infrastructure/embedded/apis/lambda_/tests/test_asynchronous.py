"""Asynchronous invokes: retried at AWS's intervals, and what fails for good is sent on."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from infrastructure.embedded.apis.lambda_.asynchronous import settings as settings_of
from infrastructure.embedded.apis.lambda_.asynchronous.invokes import LambdaAsync
from infrastructure.embedded.apis.lambda_.asynchronous.settings import Again, Attempts, EventInvokeSettings, Over
from infrastructure.embedded.apis.lambda_.calls import AsyncRequest
from infrastructure.embedded.apis.lambda_.tests.fake_functions import (
    FUNCTION,
    FUNCTION_ARN,
    Clock,
    Functions,
    context,
    quiet,
)
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run

ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
PACE = replace(FAST, speedup=100_000.0)
"""Two minutes in a millisecond."""
EVENT = b'{"order": 1}'
OK = Invocation(status="ok", request_id="r")
ERROR = Invocation(status="function_error", request_id="r")
THROTTLED = Invocation(status="throttled", request_id="r")


@dataclass(kw_only=True)
class World:
    control: Control
    functions: Functions
    invokes: LambdaAsync
    totals: Counter[str]

    def call(self, action: str, **parameters: Any) -> Any:
        return self.control.backends.operations.call("lambda", action, FunctionName=FUNCTION, **parameters)

    def submit(self, payload: bytes = EVENT) -> None:
        self.invokes.submit(AsyncRequest(target=self.functions.target(FUNCTION), payload=payload, request_id="id-1"))

    async def ended(self) -> None:
        """Until no event is on its way."""
        while self.invokes._events.tasks:
            await quiet()

    def received(self, queue: str) -> Any:
        [message] = self.control.backends.sqs.queues[queue].take(10, 60.0)
        return message


@asynccontextmanager
async def world(wall: Callable[[], float] = time.time) -> AsyncIterator[World]:
    """No event gets old, however long the machine takes."""
    control, functions = Control(), Functions()
    for name, attributes in {"failed": {}, "done": {}, "ordered.fifo": {"FifoQueue": "true"}}.items():
        await control.ask("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    surroundings = context(control, PACE)
    invokes = LambdaAsync(surroundings, functions, clock=Clock(), wall=wall)
    control.backends.operations.bind("lambda", invokes)
    try:
        yield World(control=control, functions=functions, invokes=invokes, totals=surroundings.metrics.by_name)
    finally:
        await invokes.close()


@pytest.mark.parametrize(
    ("invocation", "attempts", "age_s", "settings", "step"),
    [
        (OK, Attempts(), 0.0, {}, Over(condition="Success", invokes=1)),
        (OK, Attempts(errors=1), 0.0, {}, Over(condition="Success", invokes=2)),
        (ERROR, Attempts(), 0.0, {}, Again(delay_s=60.0, attempts=Attempts(errors=1))),
        (ERROR, Attempts(errors=1), 60.0, {}, Again(delay_s=120.0, attempts=Attempts(errors=2))),
        (ERROR, Attempts(errors=2), 180.0, {}, Over(condition="RetriesExhausted", invokes=3)),
        (ERROR, Attempts(), 0.0, {"maximum_retries": 0}, Over(condition="RetriesExhausted", invokes=1)),
        (ERROR, Attempts(), 1.0, {"maximum_age_s": 60}, Over(condition="EventAgeExceeded", invokes=1)),
        (ERROR, Attempts(throttles=3), 0.0, {}, Again(delay_s=60.0, attempts=Attempts(errors=1))),
        (THROTTLED, Attempts(), 0.0, {}, Again(delay_s=1.0, attempts=Attempts(throttles=1))),
        (THROTTLED, Attempts(throttles=3), 0.0, {}, Again(delay_s=8.0, attempts=Attempts(throttles=4))),
        (THROTTLED, Attempts(throttles=90), 0.0, {}, Again(delay_s=300.0, attempts=Attempts(throttles=91))),
        (THROTTLED, Attempts(throttles=9), 21_400.0, {}, Over(condition="EventAgeExceeded", invokes=0)),
    ],
    ids=[
        "ok",
        "ok-at-last",
        "first-error",
        "second-error",
        "third-error",
        "no-retries",
        "too-old",
        "error-after-throttles",
        "throttled",
        "throttled-again",
        "throttled-for-long",
        "throttled-too-long",
    ],
)
def test_the_next_step_follows_awss_schedule(
    invocation: Invocation, attempts: Attempts, age_s: float, settings: dict[str, int], step: Again | Over
) -> None:
    chosen = EventInvokeSettings(**settings)  # type: ignore[arg-type]  # the table holds the numbers only
    assert settings_of.after(invocation, attempts, chosen, age_s=age_s, is_shut=False) == step


def test_an_event_is_retried_twice_with_its_request_id_and_then_goes_to_the_dead_letter_queue() -> None:
    async def scenario() -> None:
        async with world() as it:
            assert it.functions.target_now is not None
            it.functions.target_now = replace(it.functions.target_now, dead_letter_arn=ARN + "failed")
            it.submit()
            for _ in range(3):
                running = await it.functions.next()
                assert (running.payload, running.request_id) == (EVENT, "id-1")
                running.fail("no such card")
            await it.ended()
            message = it.received("failed")
            assert message.body == EVENT.decode()
            assert message.message_attributes == {
                "RequestID": {"DataType": "String", "StringValue": "id-1"},
                "ErrorCode": {"DataType": "Number", "StringValue": "200"},
                "ErrorMessage": {"DataType": "String", "StringValue": "no such card"},
            }
            assert (it.totals["AsyncEventsReceived"], it.totals["AsyncEventsDropped"]) == (1, 1)

    run(scenario())


def test_a_failure_destination_gets_the_whole_record() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.call(
                "PutFunctionEventInvokeConfig",
                MaximumRetryAttempts=0,
                DestinationConfig={"OnFailure": {"Destination": ARN + "failed"}},
            )
            it.submit()
            (await it.functions.next()).fail("boom")
            await it.ended()
            record = json.loads(it.received("failed").body)
            assert record.pop("timestamp").endswith("Z")
            assert record == {
                "version": "1.0",
                "requestContext": {
                    "requestId": "id-1",
                    "functionArn": f"{FUNCTION_ARN}:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": 1,
                },
                "requestPayload": {"order": 1},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "responsePayload": {"errorType": "ValueError", "errorMessage": "boom"},
            }

    run(scenario())


def test_a_success_destination_hears_of_what_succeeded_at_the_second_attempt() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.call("PutFunctionEventInvokeConfig", DestinationConfig={"OnSuccess": {"Destination": ARN + "done"}})
            it.submit()
            (await it.functions.next()).fail()
            (await it.functions.next()).succeed({"captured": True})
            await it.ended()
            record = json.loads(it.received("done").body)
            assert record["requestContext"]["condition"] == "Success"
            assert record["requestContext"]["approximateInvokeCount"] == 2
            assert (record["responsePayload"], "functionError" in record["responseContext"]) == (
                {"captured": True},
                False,
            )

    run(scenario())


def test_a_destination_can_be_a_function() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.call("PutFunctionEventInvokeConfig", DestinationConfig={"OnSuccess": {"Destination": FUNCTION_ARN}})
            it.submit()
            (await it.functions.next()).succeed()
            following = await it.functions.next()
            assert json.loads(following.payload)["requestPayload"] == {"order": 1}
            it.call("DeleteFunctionEventInvokeConfig")
            following.succeed()

    run(scenario())


def test_a_throttled_event_waits_for_a_slot() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.functions.limit(0)
            it.functions.reserved_now = 1
            it.submit()
            while it.functions.throttled < 3:
                await quiet()
            it.functions.limit(1)
            (await it.functions.next()).succeed()
            await it.ended()
            assert it.totals["AsyncEventsDropped"] == 0

    run(scenario())


def test_a_clock_that_is_set_makes_no_event_older_and_is_what_records_show() -> None:
    async def scenario() -> None:
        wall = Clock()
        async with world(wall=wall) as it:
            it.call("PutFunctionEventInvokeConfig", DestinationConfig={"OnSuccess": {"Destination": ARN + "done"}})
            it.functions.limit(0)
            it.functions.reserved_now = 1
            it.submit()
            wall.now += 86_400.0
            while it.functions.throttled < 2:
                assert it.totals["AsyncEventsDropped"] == 0, "it was taken for too old"
                await quiet()
            it.functions.limit(1)
            (await it.functions.next()).succeed()
            await it.ended()
            assert json.loads(it.received("done").body)["timestamp"] == "1970-01-13T13:46:40.000Z"
            assert it.call("GetFunctionEventInvokeConfig")["LastModified"] == 1_000_000.0

    run(scenario())


def test_an_event_that_met_a_failure_of_lambda_itself_is_tried_again() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.submit()
            refused = await it.functions.next()
            refused.answer.set_exception(Refused("ServiceException", "no process to be had", status=500))
            again = await it.functions.next()
            assert again.request_id == refused.request_id
            again.succeed()
            await it.ended()
            assert it.totals["AsyncEventsDropped"] == 0

    run(scenario())


def test_a_function_shut_by_a_reserved_concurrency_of_zero_gets_no_retries() -> None:
    async def scenario() -> None:
        async with world() as it:
            assert it.functions.target_now is not None
            it.functions.target_now = replace(it.functions.target_now, dead_letter_arn=ARN + "failed")
            it.functions.limit(0)
            it.functions.reserved_now = 0
            it.submit()
            await it.ended()
            attributes = it.received("failed").message_attributes
            assert (it.functions.throttled, attributes["ErrorCode"]["StringValue"]) == (1, "429")

    run(scenario())


@pytest.mark.parametrize("queue", ["gone", "ordered.fifo"])
@pytest.mark.parametrize("kind", ["DeadLetterErrors", "DestinationDeliveryFailures"])
def test_what_cannot_be_sent_on_is_counted(queue: str, kind: str) -> None:
    async def scenario() -> None:
        async with world() as it:
            assert it.functions.target_now is not None
            it.call("PutFunctionEventInvokeConfig", MaximumRetryAttempts=0)
            if kind == "DeadLetterErrors":
                it.functions.target_now = replace(it.functions.target_now, dead_letter_arn=ARN + queue)
            else:
                it.call(
                    "UpdateFunctionEventInvokeConfig",
                    DestinationConfig={"OnFailure": {"Destination": ARN + queue}},
                )
            it.submit()
            (await it.functions.next()).fail()
            await it.ended()
            assert it.totals[kind] == 1

    run(scenario())


def test_an_event_of_a_deleted_function_is_dropped() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.submit()
            it.functions.target_now = None
            await it.ended()
            assert it.totals["AsyncEventsDropped"] == 1

    run(scenario())


def test_put_replaces_everything_and_update_only_what_it_names() -> None:
    async def scenario() -> None:
        async with world() as it:
            destination = {"OnFailure": {"Destination": ARN + "failed"}}
            it.call("PutFunctionEventInvokeConfig", MaximumRetryAttempts=1, DestinationConfig=destination)
            shown = it.call("UpdateFunctionEventInvokeConfig", MaximumEventAgeInSeconds=60)
            assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 60)
            assert shown["FunctionArn"] == f"{FUNCTION_ARN}:$LATEST"
            shown = it.call("PutFunctionEventInvokeConfig", MaximumEventAgeInSeconds=120)
            assert "MaximumRetryAttempts" not in shown
            assert shown["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
            it.call("PutFunctionEventInvokeConfig", Qualifier="live", MaximumRetryAttempts=0)
            listed = it.call("ListFunctionEventInvokeConfigs")["FunctionEventInvokeConfigs"]
            assert len(listed) == 2
            it.invokes.function_deleted(FUNCTION)
            with pytest.raises(Refused, match="doesn't have an EventInvokeConfig") as refusal:
                it.call("GetFunctionEventInvokeConfig")
            assert refusal.value.status == 404

    run(scenario())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "at least one of error handling or destination"),
        ({"MaximumRetryAttempts": 3}, "Value 3 at 'maximumRetryAttempts' must be between 0 and 2"),
        ({"MaximumEventAgeInSeconds": 59}, "between 60 and 21600"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "queue"}}}, "destination ARN queue is invalid"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::bucket"}}}, "SQS queues and functions"),
    ],
    ids=["nothing", "retries", "age", "no-arn", "bucket"],
)
def test_settings_that_cannot_be_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        settings_of.put(parameters, EventInvokeSettings())
