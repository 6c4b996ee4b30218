"""Queues through the API: what SQS documents and moto does otherwise."""

import asyncio
import json
import time
from typing import Any

import pytest

from infrastructure.embedded.apis.sqs import queue as sqs_queue
from infrastructure.embedded.tests.control import ACCOUNT, Control, run

URL = f"http://127.0.0.1/{ACCOUNT}/payments.fifo"
DEAD_URL = f"http://127.0.0.1/{ACCOUNT}/dead.fifo"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def _queues(**attributes: Any) -> tuple[Control, Clock]:
    control, clock = Control(), Clock()
    await control.ask("sqs", "CreateQueue", QueueName="dead.fifo", Attributes={"FifoQueue": "true"})
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead.fifo", "maxReceiveCount": "2"}
    wanted = {"FifoQueue": "true", "RedrivePolicy": json.dumps(redrive), **attributes}
    await control.ask("sqs", "CreateQueue", QueueName="payments.fifo", Attributes=wanted)
    for queue in control.backends.sqs.queues.values():
        queue.clock = clock
    return control, clock


async def _send(control: Control, body: str, *, group: str = "g", key: str | None = None, **more: Any) -> Any:
    return await control.ask(
        "sqs",
        "SendMessage",
        QueueUrl=URL,
        MessageBody=body,
        MessageGroupId=group,
        MessageDeduplicationId=key or body,
        **more,
    )


async def _receive(control: Control, url: str = URL, **more: Any) -> list[Any]:
    answer = await control.ask(
        "sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], **more
    )
    found: list[Any] = answer.get("Messages", [])
    return found


def test_a_duplicate_is_accepted_with_the_first_ones_id_and_not_delivered() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        first, second = await _send(control, "a", key="k"), await _send(control, "b", key="k")
        assert (first["MessageId"], first["SequenceNumber"]) == (second["MessageId"], second["SequenceNumber"])
        assert [message["Body"] for message in await _receive(control)] == ["a"]

    run(scenario())


def test_a_duplicate_of_a_deleted_message_is_still_one_until_five_minutes_are_over() -> None:
    async def scenario() -> None:
        control, clock = await _queues()
        await _send(control, "a", key="k")
        handle = (await _receive(control))[0]["ReceiptHandle"]
        await control.ask("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=handle)
        await _send(control, "again", key="k")
        assert await _receive(control) == []
        clock.now += 300.0
        await _send(control, "later", key="k")
        assert [message["Body"] for message in await _receive(control)] == ["later"]

    run(scenario())


@pytest.mark.parametrize(("scope", "delivered"), [("queue", 1), ("messageGroup", 2)])
def test_duplicates_are_looked_for_within_the_deduplication_scope(scope: str, delivered: int) -> None:
    async def scenario() -> None:
        control, _ = await _queues(DeduplicationScope=scope)
        await _send(control, "a", group="one", key="k")
        await _send(control, "b", group="two", key="k")
        assert len(await _receive(control)) == delivered

    run(scenario())


def test_content_based_deduplication_needs_no_id() -> None:
    async def scenario() -> None:
        control, _ = await _queues(ContentBasedDeduplication="true")
        for _ in range(2):
            await control.ask("sqs", "SendMessage", QueueUrl=URL, MessageBody="same", MessageGroupId="g")
        assert len(await _receive(control)) == 1

    run(scenario())


def test_sequence_numbers_grow() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        numbers = [(await _send(control, body))["SequenceNumber"] for body in "abc"]
        assert numbers == sorted(numbers)
        assert {len(number) for number in numbers} == {20}

    run(scenario())


def test_a_message_received_too_often_moves_to_the_dead_letter_queue() -> None:
    async def scenario() -> None:
        control, clock = await _queues(VisibilityTimeout="30")
        await _send(control, "poison")
        for count in ("1", "2"):
            message = (await _receive(control))[0]
            assert message["Attributes"]["ApproximateReceiveCount"] == count
            clock.now += 31.0
        assert await _receive(control) == []
        assert [message["Body"] for message in await _receive(control, DEAD_URL)] == ["poison"]

    run(scenario())


def test_the_dead_go_to_the_queue_that_has_the_dead_letter_queues_name_now() -> None:
    async def scenario() -> None:
        control, clock = await _queues(VisibilityTimeout="30")
        await _send(control, "poison")
        await control.ask("sqs", "DeleteQueue", QueueUrl=DEAD_URL)
        for count in ("1", "2", "3"):  # nowhere to go: it stays
            message = (await _receive(control))[0]
            assert message["Attributes"]["ApproximateReceiveCount"] == count
            clock.now += 31.0
        control.backends.sqs.recreation_pause_s = 0.0
        await control.ask("sqs", "CreateQueue", QueueName="dead.fifo", Attributes={"FifoQueue": "true"})
        assert await _receive(control) == []
        assert [message["Body"] for message in await _receive(control, DEAD_URL)] == ["poison"]

    run(scenario())


@pytest.mark.parametrize(("kind", "left"), [("", 0), (".fifo", 1)], ids=["standard", "fifo"])
def test_a_dead_letters_retention_goes_on_from_its_first_send_but_in_a_fifo_queue(kind: str, left: int) -> None:
    async def scenario() -> None:
        control, clock = Control(), Clock()
        fifo = {"FifoQueue": "true"} if kind else {}
        redrive = json.dumps(
            {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead{kind}", "maxReceiveCount": 1}
        )
        for name, more in {"dead": {"MessageRetentionPeriod": "100"}, "alive": {"RedrivePolicy": redrive}}.items():
            await control.ask("sqs", "CreateQueue", QueueName=name + kind, Attributes={**fifo, **more})
        queues = control.backends.sqs.queues
        for queue in queues.values():
            queue.clock = clock
        group = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if kind else {}
        url = f"http://127.0.0.1/{ACCOUNT}/alive{kind}"
        await control.ask("sqs", "SendMessage", QueueUrl=url, MessageBody="poison", **group)
        assert len(await _receive(control, url, VisibilityTimeout=60)) == 1
        clock.now += 60.0
        assert await _receive(control, url) == []
        assert queues[f"dead{kind}"].counts().visible == 1
        clock.now += 40.0
        assert queues[f"dead{kind}"].counts().visible == left

    run(scenario())


def test_a_clock_that_is_set_ends_and_prolongs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        wall = Clock()
        monkeypatch.setattr(time, "time", wall)
        control = Control()
        await control.ask("sqs", "CreateQueue", QueueName="payments.fifo", Attributes={"FifoQueue": "true"})
        await _send(control, "a")
        first, *_ = await _receive(control, VisibilityTimeout=3600)
        wall.now += 20 * 86_400.0  # past the visibility, the retention and the de-duplication
        assert (await _send(control, "a"))["MessageId"] == first["MessageId"]
        assert await _receive(control) == []
        wall.now -= 40 * 86_400.0
        handle = first["ReceiptHandle"]
        await control.ask("sqs", "ChangeMessageVisibility", QueueUrl=URL, ReceiptHandle=handle, VisibilityTimeout=0)
        assert [message["Body"] for message in await _receive(control)] == ["a"]

    run(scenario())


def test_a_queue_delivers_no_more_than_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(sqs_queue, "IN_FLIGHT_LIMIT", 2)
        control, _ = await _queues()
        await control.ask("sqs", "CreateQueue", QueueName="standard")
        url = f"http://127.0.0.1/{ACCOUNT}/standard"
        for body in "abc":
            await control.ask("sqs", "SendMessage", QueueUrl=url, MessageBody=body)
            await _send(control, body, group=body)
        first, second = await _receive(control, url)
        assert (await control.refusal("sqs", "ReceiveMessage", QueueUrl=url))["__type"].endswith("#OverLimit")
        poll = asyncio.create_task(_receive(control, url, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        await control.ask("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
        assert [message["Body"] for message in await poll] == ["c"]
        assert {first["Body"], second["Body"]} == {"a", "b"}
        assert [len(await _receive(control)), len(await _receive(control))] == [2, 0], "FIFO: no error"

    run(scenario())


def test_the_approximate_numbers_tell_visible_and_in_flight_apart() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        for body in "abc":
            await _send(control, body, group=body)
        await control.ask("sqs", "ReceiveMessage", QueueUrl=URL, MaxNumberOfMessages=1)
        found = (await control.ask("sqs", "GetQueueAttributes", QueueUrl=URL, AttributeNames=["All"]))["Attributes"]
        assert (found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]) == ("2", "1")

    run(scenario())


def test_a_receipt_whose_delivery_is_over_is_refused_on_a_fifo_queue() -> None:
    async def scenario() -> None:
        control, clock = await _queues(VisibilityTimeout="10")
        await _send(control, "a")
        handle = (await _receive(control))[0]["ReceiptHandle"]
        clock.now += 11.0
        refusal = await control.refusal("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=handle)
        assert "expired" in refusal["Message"]

    run(scenario())


@pytest.mark.parametrize("handle", ["nonsense", "bm9uc2Vuc2U=", "b3RoZXIvMS8x"])
def test_a_receipt_of_no_delivery_is_invalid(handle: str) -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        refusal = await control.refusal("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=handle)
        assert refusal["__type"].endswith("ReceiptHandleIsInvalid")

    run(scenario())


def test_visibility_zero_gives_a_message_back_at_once() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        await _send(control, "a")
        handle = (await _receive(control))[0]["ReceiptHandle"]
        await control.ask("sqs", "ChangeMessageVisibility", QueueUrl=URL, ReceiptHandle=handle, VisibilityTimeout=0)
        assert [message["Body"] for message in await _receive(control)] == ["a"]

    run(scenario())


def test_a_purge_empties_the_queue_once_a_minute() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        await _send(control, "a")
        await control.ask("sqs", "PurgeQueue", QueueUrl=URL)
        assert await _receive(control) == []
        refusal = await control.refusal("sqs", "PurgeQueue", QueueUrl=URL)
        assert "PurgeQueueInProgress" in refusal["__type"]

    run(scenario())


def test_message_attributes_asked_for_stay_with_the_message() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        attributes = {"trace": {"DataType": "String", "StringValue": "t"}}
        await _send(control, "a", MessageAttributes=attributes)
        without = (await _receive(control))[0]
        assert "MessageAttributes" not in without
        await control.ask(
            "sqs",
            "ChangeMessageVisibility",
            QueueUrl=URL,
            ReceiptHandle=without["ReceiptHandle"],
            VisibilityTimeout=0,
        )
        assert (await _receive(control, MessageAttributeNames=["All"]))[0]["MessageAttributes"] == attributes

    run(scenario())


def test_a_poll_is_answered_by_the_next_send() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        poll = asyncio.create_task(_receive(control, WaitTimeSeconds=5))
        await asyncio.sleep(0)
        assert not poll.done()
        await _send(control, "a")
        assert [message["Body"] for message in await asyncio.wait_for(poll, 1.0)] == ["a"]

    run(scenario())


def test_a_poll_is_answered_when_a_deletion_unlocks_the_group() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        await _send(control, "a")
        await _send(control, "b")
        first = (await control.ask("sqs", "ReceiveMessage", QueueUrl=URL))["Messages"][0]
        poll = asyncio.create_task(_receive(control, WaitTimeSeconds=5))
        await asyncio.sleep(0)
        await control.ask("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=first["ReceiptHandle"])
        assert [message["Body"] for message in await asyncio.wait_for(poll, 1.0)] == ["b"]

    run(scenario())


def test_a_poll_is_answered_when_a_visibility_timeout_ends() -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("sqs", "CreateQueue", QueueName="q", Attributes={})
        url = URL.replace("payments.fifo", "q")
        await control.ask("sqs", "SendMessage", QueueUrl=url, MessageBody="a")
        await control.ask("sqs", "ReceiveMessage", QueueUrl=url, VisibilityTimeout=1)
        assert [message["Body"] for message in await _receive(control, url, WaitTimeSeconds=5)] == ["a"]

    run(scenario())


def test_a_poll_ends_when_the_queue_goes_away() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        poll = asyncio.create_task(control.refusal("sqs", "ReceiveMessage", QueueUrl=URL, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        await control.ask("sqs", "DeleteQueue", QueueUrl=URL)
        assert (await asyncio.wait_for(poll, 10.0))["__type"].endswith("QueueDoesNotExist")

    run(scenario())


def test_a_poll_ends_when_its_caller_goes_away() -> None:
    async def scenario() -> None:
        control, _ = await _queues()
        poll = asyncio.create_task(_receive(control, WaitTimeSeconds=20))
        await asyncio.sleep(0)
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)
        assert control.backends.sqs.queues["payments.fifo"].watchers == set()

    run(scenario())
