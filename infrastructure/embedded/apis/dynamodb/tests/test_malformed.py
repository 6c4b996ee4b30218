"""What the model cannot say of a request is refused in DynamoDB's words."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run, table

PUT = {"Put": {"TableName": "t", "Item": {"id": {"S": "a"}}}}


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("TransactWriteItems", {"TransactItems": [{}]}, "ValidationException"),
        (
            "TransactWriteItems",
            {"TransactItems": [PUT | {"Delete": {"TableName": "t", "Key": {"id": {"S": "b"}}}}]},
            "ValidationException",
        ),
        ("Scan", {"TableName": "t", "FilterExpression": "nope"}, "ValidationException"),
        ("DescribeTimeToLive", {"TableName": "absent"}, "ResourceNotFoundException"),
        ("DescribeExport", {"ExportArn": f"arn:{'e' * 40}"}, "ExportNotFoundException"),
    ],
)
def test_what_is_malformed_or_absent_is_refused(action: str, members: dict[str, Any], code: str) -> None:
    async def refusal() -> dict[str, Any]:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        return await control.refusal("dynamodb", action, **members)

    refused = run(refusal())
    assert (refused["__type"].rpartition("#")[2], refused["status"]) == (code, 400)


def test_a_filter_that_is_one_filters() -> None:
    async def found() -> Any:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        await control.ask("dynamodb", "TransactWriteItems", TransactItems=[PUT])
        values = {":a": {"S": "a"}}
        return await control.ask(
            "dynamodb", "Scan", TableName="t", FilterExpression="id = :a", ExpressionAttributeValues=values
        )

    assert run(found())["Count"] == 1


def test_an_update_that_changes_nothing_makes_the_item() -> None:
    async def found() -> Any:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        await control.ask("dynamodb", "UpdateItem", TableName="t", Key={"id": {"S": "a"}})
        return await control.ask("dynamodb", "Scan", TableName="t")

    assert run(found())["Items"] == [{"id": {"S": "a"}}]
