"""What the DynamoDB and SQS controllers report to CloudWatch."""

from types import SimpleNamespace
from typing import Any

from infrastructure.embedded.apis.dynamodb.controller import DynamoDbController
from infrastructure.embedded.apis.sqs.controller import SqsController
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import ACCOUNT, Control, run, table
from infrastructure.embedded.tests.passes import reconcile

URL = f"http://127.0.0.1/{ACCOUNT}/q"


def _context(control: Control, sources: list[Any]) -> Any:
    metrics = SimpleNamespace(register=sources.append)
    return SimpleNamespace(backends=control.backends, pace=FAST, metrics=metrics)


def _values(data: list[Datum], **dimensions: str) -> dict[str, float]:
    return {each.name: each.value for each in data if dict(each.dimensions) == dimensions}


def test_a_tables_consumption_and_throttles_are_reported_once() -> None:
    async def scenario() -> None:
        control, sources = Control(), list[Any]()
        DynamoDbController(_context(control, sources))
        await control.ask("dynamodb", "CreateTable", **table("orders", read=10, write=1))
        for number in range(4):
            await control.answer("dynamodb", "PutItem", TableName="orders", Item={"id": {"S": str(number)}})
        first, second = list(sources[0](1.0)), list(sources[0](1.0))
        assert {each.namespace for each in first} == {"AWS/DynamoDB"}
        assert _values(first, TableName="orders") == {
            "ConsumedReadCapacityUnits": 0.0,
            "ConsumedWriteCapacityUnits": 1.0,
            "WriteThrottleEvents": 3,
            "ProvisionedReadCapacityUnits": 10.0,
            "ProvisionedWriteCapacityUnits": 1.0,
        }
        assert _values(first, TableName="orders", Operation="PutItem") == {"ThrottledRequests": 3}
        assert _values(second, TableName="orders")["ConsumedWriteCapacityUnits"] == 0.0

    run(scenario())


def test_a_table_that_is_gone_is_forgotten() -> None:
    async def scenario() -> None:
        control, sources = Control(), list[Any]()
        controller = DynamoDbController(_context(control, sources))
        await control.ask("dynamodb", "CreateTable", **table("orders", write=1))
        for number in range(2):
            await control.answer("dynamodb", "PutItem", TableName="orders", Item={"id": {"S": str(number)}})
        await control.ask("dynamodb", "DeleteTable", TableName="orders")
        await reconcile(controller)
        await control.ask("dynamodb", "CreateTable", **table("orders", write=1))
        await control.ask("dynamodb", "PutItem", TableName="orders", Item={"id": {"S": "a"}})

    run(scenario())


def test_a_queue_reports_what_it_holds_and_what_moved_since() -> None:
    async def scenario() -> None:
        control, sources = Control(), list[Any]()
        controller = SqsController(_context(control, sources))
        await control.ask("sqs", "CreateQueue", QueueName="q")
        queue = control.backends.sqs.queues["q"]
        queue.clock = lambda: 1_000.0
        for body in "abc":
            await control.ask("sqs", "SendMessage", QueueUrl=URL, MessageBody=body)
        handle = (await control.ask("sqs", "ReceiveMessage", QueueUrl=URL))["Messages"][0]["ReceiptHandle"]
        await control.ask("sqs", "DeleteMessage", QueueUrl=URL, ReceiptHandle=handle)
        queue.clock = lambda: 1_007.0
        first = _values(list(sources[0](1.0)), QueueName="q")
        assert (first["NumberOfMessagesSent"], first["NumberOfMessagesReceived"], first["NumberOfMessagesDeleted"]) == (
            3.0,
            1.0,
            1.0,
        )
        assert (first["ApproximateNumberOfMessagesVisible"], first["ApproximateAgeOfOldestMessage"]) == (2.0, 7.0)
        assert _values(list(sources[0](1.0)), QueueName="q")["NumberOfMessagesSent"] == 0.0
        await control.ask("sqs", "DeleteQueue", QueueUrl=URL)
        await reconcile(controller)
        assert list(sources[0](1.0)) == []

    run(scenario())
