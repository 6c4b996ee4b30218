"""What a dead letter tells, and how it comes back."""

import json
from typing import Any

import pytest

from infrastructure.embedded.apis.sqs.moving import MoveTasks
from infrastructure.embedded.tests.control import ACCOUNT, Control, run

ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
URL = f"http://127.0.0.1/{ACCOUNT}/"


class Queues:
    """A queue, `src`, whose messages are dead once they were received twice, and `other`. Time passes when told to."""

    def __init__(self, kind: str = "") -> None:
        self.now = 1000.0
        self.kind = kind
        self.control = Control()
        self.tasks = MoveTasks(self.control.backends.sqs, lambda: self.now)
        self.control.backends.operations.bind("sqs", self.tasks)

    async def make(self) -> "Queues":
        fifo = {"FifoQueue": "true"} if self.kind else {}
        redrive = json.dumps({"deadLetterTargetArn": self.arn("dead"), "maxReceiveCount": 2})
        for name, more in {"dead": {}, "src": {"RedrivePolicy": redrive}, "other": {}}.items():
            await self.ask("CreateQueue", QueueName=name + self.kind, Attributes={**fifo, **more})
        for queue in self.control.backends.sqs.queues.values():
            queue.clock = lambda: self.now
        return self

    def arn(self, name: str) -> str:
        return ARN + name + self.kind

    def url(self, name: str) -> str:
        return URL + name + self.kind

    async def ask(self, action: str, **members: Any) -> Any:
        return await self.control.ask("sqs", action, **members)

    async def receive(self, name: str, **more: Any) -> list[Any]:
        asked = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], **more}
        found: list[Any] = (await self.ask("ReceiveMessage", QueueUrl=self.url(name), **asked)).get("Messages", [])
        return found

    async def kill(self, *bodies: str) -> None:
        """Let messages die: received twice, not deleted, and looked for once more."""
        for body in bodies:
            group = {"MessageGroupId": body, "MessageDeduplicationId": body} if self.kind else {}
            await self.ask("SendMessage", QueueUrl=self.url("src"), MessageBody=body, **group)
        for _ in range(3):
            await self.receive("src", VisibilityTimeout=1)
            self.now += 1.0

    async def start(self, **more: Any) -> str:
        return str((await self.ask("StartMessageMoveTask", SourceArn=self.arn("dead"), **more))["TaskHandle"])

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("ListMessageMoveTasks", SourceArn=self.arn("dead")))["Results"][0]
        return found

    def counts(self) -> dict[str, int]:
        return {name: self.control.backends.sqs.queues[name + self.kind].counts().visible for name in ("dead", "src")}


@pytest.mark.parametrize("kind", ["", ".fifo"], ids=["standard", "fifo"])
def test_a_dead_letter_tells_its_source_and_goes_on_counting_its_receives(kind: str) -> None:
    async def scenario() -> None:
        queues = await Queues(kind).make()
        await queues.kill("poison")
        [first] = await queues.receive("dead", VisibilityTimeout=1)
        assert first["Attributes"]["DeadLetterQueueSourceArn"] == queues.arn("src")
        assert first["Attributes"]["ApproximateReceiveCount"] == "3"
        queues.now += 1.0
        [again] = await queues.receive("dead", AttributeNames=["DeadLetterQueueSourceArn"])
        assert again["Attributes"] == {"DeadLetterQueueSourceArn": queues.arn("src")}

    run(scenario())


def test_a_message_that_is_not_dead_tells_no_source() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.ask("SendMessage", QueueUrl=queues.url("src"), MessageBody="m")
        [found] = await queues.receive("src")
        assert "DeadLetterQueueSourceArn" not in found["Attributes"]

    run(scenario())


@pytest.mark.parametrize("kind", ["", ".fifo"], ids=["standard", "fifo"])
def test_a_task_takes_dead_letters_back_as_new_messages(kind: str) -> None:
    async def scenario() -> None:
        queues = await Queues(kind).make()
        await queues.kill("a", "b")
        [dead, _] = await queues.receive("dead", VisibilityTimeout=0)
        handle = await queues.start()
        assert (await queues.state())["Status"] == "RUNNING"
        queues.now += 1.0
        assert queues.tasks.advance(handle) is None
        state = await queues.state()
        told = {name: state.get(name) for name in ("Status", "SourceArn", "TaskHandle", "DestinationArn")}
        assert told == {
            "Status": "COMPLETED",
            "SourceArn": queues.arn("dead"),
            "TaskHandle": None,
            "DestinationArn": None,
        }
        assert (state["ApproximateNumberOfMessagesMoved"], state["ApproximateNumberOfMessagesToMove"]) == (2, 2)
        back = await queues.receive("src")
        assert sorted(each["Body"] for each in back) == ["a", "b"]
        assert {each["Attributes"]["ApproximateReceiveCount"] for each in back} == {"1"}
        assert "DeadLetterQueueSourceArn" not in back[0]["Attributes"]
        assert dead["MessageId"] not in {each["MessageId"] for each in back}

    run(scenario())


def test_a_task_moves_no_faster_than_it_was_asked_to() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.kill(*"abcde")
        handle = await queues.start(MaxNumberOfMessagesPerSecond=2)
        moved = []
        for _ in range(3):
            assert queues.tasks.advance(handle) is not None
            moved.append(queues.counts()["src"])
            queues.now += 1.0
        assert moved == [1, 3, 5]
        assert queues.tasks.advance(handle) is None

    run(scenario())


def test_a_destination_of_its_own_is_where_they_go() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.kill("a")
        handle = await queues.start(DestinationArn=queues.arn("other"))
        assert queues.tasks.advance(handle) is not None
        assert [each["Body"] for each in await queues.receive("other")] == ["a"]

    run(scenario())


def test_a_cancelled_task_leaves_what_it_has_not_moved() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.kill(*"abc")
        handle = await queues.start(MaxNumberOfMessagesPerSecond=1)
        queues.tasks.advance(handle)
        found = await queues.ask("CancelMessageMoveTask", TaskHandle=handle)
        assert found["ApproximateNumberOfMessagesMoved"] == 1
        queues.now += 9.0
        assert queues.tasks.advance(handle) is None
        assert ((await queues.state())["Status"], queues.counts()) == ("CANCELLED", {"dead": 2, "src": 1})
        refusal = await queues.control.refusal("sqs", "CancelMessageMoveTask", TaskHandle=handle)
        assert refusal["__type"].rpartition("#")[2] == "ResourceNotFoundException"

    run(scenario())


def test_messages_in_flight_stay() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.kill("a", "b")
        await queues.receive("dead", MaxNumberOfMessages=1, VisibilityTimeout=60)
        handle = await queues.start()
        queues.now += 1.0
        assert queues.tasks.advance(handle) is None
        assert queues.counts() == {"dead": 0, "src": 1}
        queues.now += 60.0
        assert queues.counts()["dead"] == 1

    run(scenario())


@pytest.mark.parametrize(
    ("is_deleted", "reason"),
    [(False, "CouldNotDetermineMessageSource"), (True, "AWS.SimpleQueueService.NonExistentQueue")],
    ids=["never had a source", "source is gone"],
)
def test_a_task_whose_messages_have_no_way_back_fails(is_deleted: bool, reason: str) -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        if is_deleted:
            await queues.kill("a")
        else:
            await queues.ask("SendMessage", QueueUrl=queues.url("dead"), MessageBody="a")
        handle = await queues.start()
        if is_deleted:
            await queues.ask("DeleteQueue", QueueUrl=queues.url("src"))
        assert queues.tasks.advance(handle) is None
        state = await queues.state()
        assert (state["Status"], state["FailureReason"]) == ("FAILED", reason)
        assert queues.control.backends.sqs.queues["dead"].counts().visible == 1

    run(scenario())


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"SourceArn": ARN + "none"}, "ResourceNotFoundException"),
        ({"SourceArn": ARN + "dead", "DestinationArn": ARN + "none"}, "ResourceNotFoundException"),
        ({"SourceArn": ARN + "src"}, "InvalidParameterValue"),
        ({"SourceArn": ARN + "dead", "MaxNumberOfMessagesPerSecond": 501}, "InvalidParameterValue"),
    ],
    ids=["no queue", "no destination", "no dead letter queue", "too fast"],
)
def test_a_task_that_cannot_be_is_refused(members: dict[str, Any], code: str) -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        refusal = await queues.control.refusal("sqs", "StartMessageMoveTask", **members)
        assert refusal["__type"].rpartition("#")[2] == code

    run(scenario())


def test_a_queue_has_one_task_at_a_time() -> None:
    async def scenario() -> None:
        queues = await Queues().make()
        await queues.kill(*"ab")
        await queues.start(MaxNumberOfMessagesPerSecond=1)
        refusal = await queues.control.refusal("sqs", "StartMessageMoveTask", SourceArn=queues.arn("dead"))
        assert "already a task running" in refusal["message"]

    run(scenario())
