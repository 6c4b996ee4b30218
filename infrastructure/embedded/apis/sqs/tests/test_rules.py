"""Attributes, messages and batches that SQS does not take."""

import json
from typing import Any

import pytest

from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run

ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
URL = f"http://127.0.0.1/{ACCOUNT}/"
FIFO = {"FifoQueue": "true"}


def _redrive(most: object, name: str = "dead") -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN + name, "maxReceiveCount": most})}


async def _cloud() -> Control:
    control = Control()
    for name, attributes in {"q": {}, "dead": {}, "q.fifo": FIFO, "dead.fifo": FIFO}.items():
        await control.ask("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    return control


VALUE, NAME, PARAMETER = "InvalidAttributeValue", "InvalidAttributeName", "InvalidParameterValue"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"VisibilityTimeout": "43201"}, VALUE),
        ({"VisibilityTimeout": "-1"}, VALUE),
        ({"VisibilityTimeout": "soon"}, VALUE),
        ({"DelaySeconds": "901"}, VALUE),
        ({"MaximumMessageSize": "1023"}, VALUE),
        ({"MaximumMessageSize": "1048577"}, VALUE),
        ({"MessageRetentionPeriod": "59"}, VALUE),
        ({"MessageRetentionPeriod": "1209601"}, VALUE),
        ({"ReceiveMessageWaitTimeSeconds": "21"}, VALUE),
        ({"KmsDataKeyReusePeriodSeconds": "59"}, VALUE),
        ({"SqsManagedSseEnabled": "maybe"}, VALUE),
        ({"Policy": "{"}, VALUE),
        ({"Nope": "1"}, NAME),
        ({"QueueArn": "x"}, NAME),
        ({"ContentBasedDeduplication": "true"}, NAME),
        ({"DeduplicationScope": "queue"}, NAME),
        (_redrive(0), PARAMETER),
        (_redrive("0"), PARAMETER),
        (_redrive(1001), PARAMETER),
        (_redrive("some"), PARAMETER),
        (_redrive(1, "none"), PARAMETER),
        (_redrive(1, "dead.fifo"), PARAMETER),
        ({"RedrivePolicy": "{"}, PARAMETER),
        ({"RedrivePolicy": '{"maxReceiveCount": 1}'}, PARAMETER),
    ],
    ids=str,
)
@pytest.mark.parametrize("action", ["CreateQueue", "SetQueueAttributes"])
def test_an_attribute_that_sqs_does_not_take_is_refused(action: str, attributes: dict[str, str], code: str) -> None:
    async def scenario() -> None:
        control = await _cloud()
        about = {"QueueName": "new"} if action == "CreateQueue" else {"QueueUrl": URL + "q"}
        refusal = await control.refusal("sqs", action, **about, Attributes=attributes)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, code)
        found = await control.ask("sqs", "GetQueueAttributes", QueueUrl=URL + "q", AttributeNames=["All"])
        assert "RedrivePolicy" not in found["Attributes"]

    run(scenario())


@pytest.mark.parametrize(
    "attributes",
    [
        {"VisibilityTimeout": "0"},
        {"VisibilityTimeout": "43200"},
        {"DelaySeconds": "900"},
        {"MaximumMessageSize": "1024"},
        {"MaximumMessageSize": "1048576"},
        {"MessageRetentionPeriod": "60"},
        {"MessageRetentionPeriod": "1209600"},
        {"ReceiveMessageWaitTimeSeconds": "20"},
        _redrive(1),
        _redrive("1000"),
        {"RedrivePolicy": ""},
    ],
    ids=str,
)
def test_an_attribute_within_its_bounds_is_kept(attributes: dict[str, str]) -> None:
    async def scenario() -> None:
        control = await _cloud()
        await control.ask("sqs", "SetQueueAttributes", QueueUrl=URL + "q", Attributes=attributes)
        found = await control.ask("sqs", "GetQueueAttributes", QueueUrl=URL + "q", AttributeNames=["All"])
        for name, value in attributes.items():
            assert _plain(found["Attributes"].get(name, "")) == _plain(value)

    run(scenario())


def _plain(value: str) -> object:
    """A redrive policy as its figures, which may be given as text."""
    if not value.startswith("{"):
        return value
    policy = json.loads(value)
    return {**policy, "maxReceiveCount": int(policy["maxReceiveCount"])}


def test_a_policy_stays_when_another_attribute_is_set() -> None:
    async def scenario() -> None:
        control = await _cloud()
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Deny"}]})
        for attributes in ({"Policy": policy}, {"VisibilityTimeout": "7"}):
            await control.ask("sqs", "SetQueueAttributes", QueueUrl=URL + "q", Attributes=attributes)
        asked = {"QueueUrl": URL + "q", "AttributeNames": ["Policy"]}
        found = await control.ask("sqs", "GetQueueAttributes", **asked)
        assert json.loads(found["Attributes"]["Policy"]) == json.loads(policy)
        await control.ask("sqs", "SetQueueAttributes", QueueUrl=URL + "q", Attributes={"Policy": ""})
        assert (await control.ask("sqs", "GetQueueAttributes", **asked)).get("Attributes", {}) == {}

    run(scenario())


PER_GROUP = {"FifoThroughputLimit": "perMessageGroupId"}


@pytest.mark.parametrize("scope", ["queue", "messageGroup", None])
@pytest.mark.parametrize("action", ["CreateQueue", "SetQueueAttributes"])
def test_throughput_per_group_needs_deduplication_per_group(action: str, scope: str | None) -> None:
    async def scenario() -> None:
        control = await _cloud()
        attributes = {**PER_GROUP, **({"DeduplicationScope": scope} if scope else {})}
        is_new = action == "CreateQueue"
        about = {"QueueName": "new.fifo"} if is_new else {"QueueUrl": URL + "q.fifo"}
        answer = await control.answer("sqs", action, **about, Attributes={**attributes, **(FIFO if is_new else {})})
        assert answer.is_success is (scope == "messageGroup")
        assert answer.is_success or b"InvalidAttributeValue" in answer.body

    run(scenario())


@pytest.mark.parametrize("name", ["a b", "", "x" * 81, "no-fifo.fifo", "a.b"])
def test_a_name_that_sqs_does_not_take_is_refused(name: str) -> None:
    async def scenario() -> None:
        refusal = await Control().refusal("sqs", "CreateQueue", QueueName=name)
        assert refusal["__type"].rpartition("#")[2] == "InvalidParameterValue"

    run(scenario())


def _attribute(**value: Any) -> dict[str, Any]:
    return {"MessageAttributes": {"a": {"DataType": "String", "StringValue": "x", **value}}}


MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"MessageBody": ""}, "MissingParameter"),
    "control character": ({"MessageBody": "a\x01"}, "InvalidMessageContents"),
    "not a character": ({"MessageBody": "\uffff"}, "InvalidMessageContents"),
    "delay": ({"DelaySeconds": 901}, "InvalidParameterValue"),
    "eleven attributes": (
        {"MessageAttributes": {str(n): {"DataType": "String", "StringValue": "x"} for n in range(11)}},
        "InvalidParameterValue",
    ),
    "empty attribute": (_attribute(StringValue=""), "InvalidParameterValue"),
    "no number": (_attribute(DataType="Number"), "InvalidParameterValue"),
    "reserved": ({"MessageAttributes": {"AWS.a": {"DataType": "String", "StringValue": "x"}}}, "InvalidParameterValue"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_that_sqs_does_not_take_is_refused_and_fails_by_itself_in_a_batch(name: str) -> None:
    members, code = MESSAGES[name]

    async def scenario() -> None:
        control = await _cloud()
        message = {"MessageBody": "x", **members}
        refusal = await control.refusal("sqs", "SendMessage", QueueUrl=URL + "q", **message)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, code)
        entries = [{"Id": "bad", **message}, {"Id": "good", "MessageBody": "sent"}]
        found = await control.ask("sqs", "SendMessageBatch", QueueUrl=URL + "q", Entries=entries)
        assert [(each["Id"], each["Code"], each["SenderFault"]) for each in found["Failed"]] == [("bad", code, True)]
        assert [each["Id"] for each in found["Successful"]] == ["good"]
        received = await control.ask("sqs", "ReceiveMessage", QueueUrl=URL + "q", MaxNumberOfMessages=10)
        assert [each["Body"] for each in received["Messages"]] == ["sent"]

    run(scenario())


@pytest.mark.parametrize("body", ["\t\n\r ~", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff"], ids=ascii)
def test_any_other_text_is_delivered(body: str) -> None:
    async def scenario() -> None:
        control = await _cloud()
        await control.ask("sqs", "SendMessage", QueueUrl=URL + "q", MessageBody=body)
        assert (await control.ask("sqs", "ReceiveMessage", QueueUrl=URL + "q"))["Messages"][0]["Body"] == body

    run(scenario())


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
        (["a", "b", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("SendMessageBatch", {"MessageBody": "x"}),
        ("DeleteMessageBatch", {"ReceiptHandle": "x"}),
        ("ChangeMessageVisibilityBatch", {"ReceiptHandle": "x", "VisibilityTimeout": 1}),
    ],
)
def test_a_batch_that_is_none_is_refused(action: str, more: dict[str, Any], ids: list[str], code: str) -> None:
    """By the name that the model gives the error, with the code that SDKs know it by beside it."""

    async def scenario() -> None:
        control = await _cloud()
        entries = [{"Id": each, **more} for each in ids]
        answer = await control.answer("sqs", action, QueueUrl=URL + "q", Entries=entries)
        assert (answer.status, json.loads(answer.body)["__type"]) == (400, code)
        assert answer.headers["x-amzn-query-error"] == f"AWS.SimpleQueueService.{code};Sender"

    run(scenario())


@pytest.mark.parametrize("member", ["AttributeNames", "MessageSystemAttributeNames"])
def test_attributes_of_messages_are_told_by_either_name_of_the_member(member: str) -> None:
    async def scenario() -> None:
        control = await _cloud()
        await control.ask("sqs", "SendMessage", QueueUrl=URL + "q", MessageBody="x")
        asked = {"QueueUrl": URL + "q", member: ["ApproximateReceiveCount"]}
        [found] = (await control.ask("sqs", "ReceiveMessage", **asked))["Messages"]
        assert found["Attributes"] == {"ApproximateReceiveCount": "1"}
        refusal = await control.refusal("sqs", "ReceiveMessage", **{**asked, member: ["Nope"]})
        assert refusal["status"] == 400

    run(scenario())


def test_a_stack_is_refused_what_a_caller_is() -> None:
    async def scenario() -> None:
        await _cloud()
        with pytest.raises(ApiError, match="Invalid value for maxReceiveCount: 0"):
            ApiCalls(REGION)("sqs", "CreateQueue", QueueName="new", Attributes=_redrive(0))

    run(scenario())
