"""Properties are what AWS's schema of their type allows, or the resource fails before anything is called."""

import sys
from typing import Any

import pytest

from infrastructure.embedded.stacks import schemas
from infrastructure.embedded.stacks.errors import Unchangeable
from infrastructure.embedded.stacks.tests.world import TWO, Stacks
from infrastructure.embedded.stacks.types import TYPES
from infrastructure.embedded.tests.control import run

QUEUE, TABLE, BUCKET = "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket"
KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}


@pytest.mark.parametrize(
    ("kind", "properties", "problems"),
    [
        (QUEUE, {"Nope": 1}, ["#: extraneous key [Nope] is not permitted"]),
        (QUEUE, {"Arn": "arn"}, ["#: extraneous key [Arn] is not permitted"]),
        (QUEUE, {"VisibilityTimeout": "many"}, ["#/VisibilityTimeout: expected type: Integer, found: String"]),
        (QUEUE, {"VisibilityTimeout": 1.5}, ["#/VisibilityTimeout: expected type: Integer, found: Number"]),
        (QUEUE, {"FifoQueue": "perhaps"}, ["#/FifoQueue: expected type: Boolean, found: String"]),
        (QUEUE, {"QueueName": ["a"]}, ["#/QueueName: expected type: String, found: Array"]),
        (QUEUE, {"Tags": {"a": "b"}}, ["#/Tags: expected type: Array, found: Object"]),
        (QUEUE, {"VisibilityTimeout": 43201}, ["#/VisibilityTimeout: 43201 is not less or equal to 43200"]),
        (QUEUE, {"DelaySeconds": -1}, ["#/DelaySeconds: -1 is not greater or equal to 0"]),
        (QUEUE, {"Tags": [{"Key": "a"}]}, ["#/Tags/0: required key [Value] not found"]),
        (TABLE, {}, ["#: required key [KeySchema] not found"]),
        (TABLE, {**KEYS, "BillingMode": "FREE"}, ["#/BillingMode: #: FREE is not a valid enum value"]),
        (
            BUCKET,
            {"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"Rule": 1}]}, "Name": "b"},
            [
                "#/BucketEncryption/ServerSideEncryptionConfiguration/0: extraneous key [Rule] is not permitted",
                "#: extraneous key [Name] is not permitted",
            ],
        ),
    ],
)
def test_what_the_schema_does_not_allow_is_told_all_at_once(
    kind: str, properties: dict[str, Any], problems: list[str]
) -> None:
    with pytest.raises(Unchangeable) as refused:
        schemas.check("It", kind, properties)
    start, *lines = str(refused.value).splitlines()
    assert [start.removeprefix("Properties validation failed for resource It with message: "), *lines] == problems


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (QUEUE, {"VisibilityTimeout": "30", "FifoQueue": "true", "QueueName": 7}),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "anything": [1]}}),
        (TABLE, {**KEYS, "BillingMode": "PAY_PER_REQUEST", "Tags": []}),
    ],
    ids=["text for numbers and truths", "a document", "an empty list"],
)
def test_what_aws_takes_is_allowed(kind: str, properties: dict[str, Any]) -> None:
    schemas.check("It", kind, properties)


def test_the_linter_whose_schemas_they_are_is_not_imported() -> None:
    for kind in TYPES:
        assert schemas.schema_of(kind.type).properties
    assert "cfnlint" not in sys.modules, "it takes a second, and the platform starts in three"


def test_an_unknown_property_fails_the_stack_before_its_resource_is_made() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO.replace("QueueName: second", "Nope: 1"))
        assert await stacks.status("two") == "ROLLBACK_COMPLETE"
        failed = [(name, reason) for name, status, reason in await stacks.events("two") if status == "CREATE_FAILED"]
        words = "Properties validation failed for resource Second with message: #: extraneous key [Nope]"
        assert [name for name, _ in failed] == ["Second"]
        assert failed[0][1].startswith(words)
        assert (list(stacks.backends.sqs.queues), list(stacks.backends.dynamodb.tables)) == ([], [])

    run(scenario())


def test_an_update_to_an_unknown_property_changes_nothing() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        wrong = TWO.replace("QueueName: second,", "QueueName: second, Nope: 1,")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=wrong, parameters={"Seconds": "60"})
        assert await stacks.status("two") == "UPDATE_ROLLBACK_COMPLETE"
        assert stacks.backends.sqs.queues["second"].visibility_timeout == 30

    run(scenario())
