"""What an answer says that was consumed is what was charged."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run, table

KEY = {"id": {"S": "k"}}
ITEM = {**KEY, "text": {"S": "x" * 8000}}  # 8 KB with its names: eight units of writing, two of consistent reading
HERE = {"TableName": "t"}
UPDATE = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
QUERY = {"KeyConditionExpression": "id = :k", "ExpressionAttributeValues": {":k": {"S": "k"}}}


@pytest.mark.parametrize(
    ("action", "members", "units"),
    [
        ("PutItem", {**HERE, "Item": ITEM}, 8.0),
        ("PutItem", {**HERE, "Item": KEY}, 8.0),  # as the larger one, which it takes the place of
        ("UpdateItem", {**HERE, "Key": KEY, **UPDATE}, 8.0),
        ("DeleteItem", {**HERE, "Key": KEY}, 8.0),
        ("DeleteItem", {**HERE, "Key": {"id": {"S": "none"}}}, 1.0),
        ("GetItem", {**HERE, "Key": KEY, "ConsistentRead": True}, 2.0),
        ("GetItem", {**HERE, "Key": KEY}, 1.0),
        ("GetItem", {**HERE, "Key": KEY, "ProjectionExpression": "id"}, 1.0),
        ("GetItem", {**HERE, "Key": {"id": {"S": "none"}}}, 0.5),
        ("Query", {**HERE, **QUERY, "ConsistentRead": True}, 2.0),
        ("Scan", HERE, 1.0),
    ],
)
def test_a_call_consumes_by_the_size_of_its_item(action: str, members: dict[str, Any], units: float) -> None:
    async def scenario() -> None:
        control = await _with_item()
        found = await control.ask("dynamodb", action, **members, ReturnConsumedCapacity="TOTAL")
        assert found["ConsumedCapacity"] == {"TableName": "t", "CapacityUnits": units}
        assert _charged(control) == units

    run(scenario())


@pytest.mark.parametrize(
    ("action", "members", "told"),
    [
        ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": ITEM}}]}}, {"CapacityUnits": 8.0}),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [KEY, {"id": {"S": "none"}}]}}}, {"CapacityUnits": 1.5}),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {**HERE, "Item": ITEM}}]},
            {"CapacityUnits": 16.0, "WriteCapacityUnits": 16.0},
        ),
        (
            "TransactGetItems",
            {"TransactItems": [{"Get": {**HERE, "Key": KEY}}]},
            {"CapacityUnits": 4.0, "ReadCapacityUnits": 4.0},
        ),
    ],
)
def test_batches_and_transactions_tell_by_table(action: str, members: dict[str, Any], told: dict[str, float]) -> None:
    async def scenario() -> None:
        control = await _with_item()
        found = await control.ask("dynamodb", action, **members, ReturnConsumedCapacity="TOTAL")
        assert found["ConsumedCapacity"] == [{"TableName": "t", **told}]
        assert _charged(control) == told["CapacityUnits"]

    run(scenario())


def test_indexes_are_told_of_the_table() -> None:
    async def scenario() -> None:
        control = await _with_item()
        found = await control.ask("dynamodb", "GetItem", **HERE, Key=KEY, ReturnConsumedCapacity="INDEXES")
        wanted = {"TableName": "t", "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}
        assert found["ConsumedCapacity"] == wanted
        assert "ConsumedCapacity" not in await control.ask("dynamodb", "GetItem", **HERE, Key=KEY)

    run(scenario())


@pytest.mark.parametrize(
    ("condition", "units"), [("attribute_not_exists(id)", 8.0), ("garbage", 0.0)], ids=["does not hold", "malformed"]
)
def test_a_write_that_is_refused_costs_if_its_condition_was_looked_at(condition: str, units: float) -> None:
    async def scenario() -> None:
        control = await _with_item()
        await control.refusal("dynamodb", "PutItem", **HERE, Item=ITEM, ConditionExpression=condition)
        assert _charged(control) == units

    run(scenario())


async def _with_item() -> Control:
    control = Control()
    await control.ask("dynamodb", "CreateTable", **table("t"))
    await control.ask("dynamodb", "PutItem", **HERE, Item=ITEM)
    control.backends.capacity.drain()
    return control


def _charged(control: Control) -> float:
    usage = control.backends.capacity.drain().get("t")
    return usage.read + usage.write if usage is not None else 0.0
