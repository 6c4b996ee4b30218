"""Tables: throughput that is missing, that is one too many, or that stays as it is, is refused."""

from typing import Any

import pytest

from infrastructure.embedded.apis.dynamodb.tables import TableCalls
from infrastructure.embedded.tests.control import Control, run, table

ONE = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
FIVE = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}


def _index(**more: Any) -> dict[str, Any]:
    schema = [{"AttributeName": "g", "KeyType": "HASH"}]
    return {"IndexName": "by_g", "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}, **more}


def _table(*indexes: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {**table("t", read=5, write=5), **more}
    if more.get("BillingMode") == "PAY_PER_REQUEST" and "ProvisionedThroughput" not in more:
        del made["ProvisionedThroughput"]
    if indexes:
        made["AttributeDefinitions"] = [*made["AttributeDefinitions"], {"AttributeName": "g", "AttributeType": "S"}]
        made["GlobalSecondaryIndexes"] = list(indexes)
    return made


def _cloud() -> Control:
    control = Control()
    operations = control.backends.operations
    operations.bind("dynamodb", TableCalls(control.backends.dynamodb, operations))
    return control


PROVISIONED, FREE = _table(), _table(**ON_DEMAND)
INDEXED, FREE_INDEXED = _table(_index(ProvisionedThroughput=FIVE)), _table(_index(), **ON_DEMAND)
_UPDATE = {"Update": {"IndexName": "by_g", "ProvisionedThroughput": ONE}}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "throughput on demand": (FREE, {"ProvisionedThroughput": ONE}, "Neither ReadCapacityUnits nor WriteCapacityUnits"),
    "provisioned without throughput": (FREE, {"BillingMode": "PROVISIONED"}, "must both be specified"),
    "both": (PROVISIONED, {**ON_DEMAND, "ProvisionedThroughput": ONE}, "when BillingMode is PAY_PER_REQUEST"),
    "as it is": (
        PROVISIONED,
        {"ProvisionedThroughput": FIVE},
        "throughput for the table will not change.",
    ),
    "nothing": (PROVISIONED, {}, "At least one of ProvisionedThroughput, BillingMode"),
    "index left out": (
        FREE_INDEXED,
        {"BillingMode": "PROVISIONED", "ProvisionedThroughput": ONE},
        "ProvisionedThroughput must be specified for index: by_g",
    ),
    "index of a table on demand": (
        FREE_INDEXED,
        {"GlobalSecondaryIndexUpdates": [_UPDATE]},
        "ProvisionedThroughput should not be specified for index: by_g",
    ),
    "index as it is": (
        INDEXED,
        {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "by_g", "ProvisionedThroughput": FIVE}}]},
        "The provisioned throughput for the index by_g will not change.",
    ),
    "index made without": (
        PROVISIONED,
        {"GlobalSecondaryIndexUpdates": [{"Create": _index()}]},
        "ProvisionedThroughput must be specified for index: by_g",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_change_that_counts_for_nothing_is_refused(name: str) -> None:
    made, change, words = REFUSED[name]

    async def scenario() -> None:
        control = _cloud()
        await control.ask("dynamodb", "CreateTable", **made)
        refusal = await control.refusal("dynamodb", "UpdateTable", TableName="t", **change)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, "ValidationException")
        assert words in refusal["message"]

    run(scenario())


@pytest.mark.parametrize("change", ["Update", "Delete"])
def test_an_index_that_is_not_there_is_not_found(change: str) -> None:
    async def scenario() -> None:
        control = _cloud()
        await control.ask("dynamodb", "CreateTable", **PROVISIONED)
        more = {"ProvisionedThroughput": ONE} if change == "Update" else {}
        updates = [{change: {"IndexName": "none", **more}}]
        refusal = await control.refusal("dynamodb", "UpdateTable", TableName="t", GlobalSecondaryIndexUpdates=updates)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, "ResourceNotFoundException")

    run(scenario())


def test_a_table_goes_on_demand_with_its_indexes_and_comes_back() -> None:
    async def scenario() -> None:
        control = _cloud()
        await control.ask("dynamodb", "CreateTable", **INDEXED)
        for change, units in (
            (ON_DEMAND, 0),
            (
                {
                    "BillingMode": "PROVISIONED",
                    "ProvisionedThroughput": ONE,
                    "GlobalSecondaryIndexUpdates": [_UPDATE],
                },
                1,
            ),
        ):
            await control.ask("dynamodb", "UpdateTable", TableName="t", **change)
            found = (await control.ask("dynamodb", "DescribeTable", TableName="t"))["Table"]
            [index] = found["GlobalSecondaryIndexes"]
            shown = [each["ProvisionedThroughput"]["WriteCapacityUnits"] for each in (found, index)]
            assert shown == [units, units]

    run(scenario())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (_table(_index()), "ProvisionedThroughput must be specified for index: by_g"),
        (_table(_index(ProvisionedThroughput=ONE), **ON_DEMAND), "should not be specified for index: by_g"),
    ],
    ids=["left out", "on demand"],
)
def test_a_table_is_made_with_the_throughput_of_each_index_or_none(made: dict[str, Any], words: str) -> None:
    async def scenario() -> None:
        refusal = await _cloud().refusal("dynamodb", "CreateTable", **made)
        assert words in refusal["message"]

    run(scenario())
