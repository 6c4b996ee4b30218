"""Numbers, batches and indexes that DynamoDB does not take."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run, table

WORDS = {
    "digits": "Attempting to store more than 38 significant digits in a Number",
    "large": "Number overflow. Attempting to store a number with magnitude larger than supported range",
    "small": "Number underflow. Attempting to store a number with magnitude smaller than supported range",
    "none": "The parameter cannot be converted to a numeric value",
}


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ("1" * 39, "digits"),
        ("0." + "1" * 39, "digits"),
        ("1e126", "large"),
        ("-1e126", "large"),
        ("1e-131", "small"),
        ("NaN", "none"),
        ("Infinity", "none"),
        ("", "none"),
        ("1_000", "none"),
        ("\u0661", "none"),
    ],
)
@pytest.mark.parametrize("place", ["item", "set", "list", "value", "transaction", "batch"])
def test_a_number_beyond_what_dynamodb_keeps_is_refused_wherever_it_stands(number: str, word: str, place: str) -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        await control.ask("dynamodb", "PutItem", TableName="t", Item={"id": {"S": "k"}})
        action, members = _with_number(number, place)
        refusal = await control.refusal("dynamodb", action, **members)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, "ValidationException")
        assert refusal["message"].startswith(WORDS[word])
        assert (await control.ask("dynamodb", "Scan", TableName="t"))["Items"] == [{"id": {"S": "k"}}]

    run(scenario())


@pytest.mark.parametrize("number", ["1" * 38, "1" * 38 + "000", "-1.5", "9.9e125", "1e-130", "0", ".5", "+7", "0" * 50])
def test_any_other_number_is_kept(number: str) -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        action, members = _with_number(number, "item")
        await control.ask("dynamodb", action, **members)

    run(scenario())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("01.500", "1.5"),
        ("1.0", "1"),
        ("-0.50", "-0.5"),
        ("+7", "7"),
        ("-0", "0"),
        (".5", "0.5"),
        ("100", "100"),
        ("0", "0"),
        ("1e5", "1e5"),
    ],
)
@pytest.mark.parametrize("place", ["item", "list", "value", "transaction"])
def test_a_number_is_kept_without_zeros_that_say_nothing(given: str, kept: str, place: str) -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        action, members = _with_number(given, place)
        await control.ask("dynamodb", action, **members)
        found = (await control.ask("dynamodb", "GetItem", TableName="t", Key={"id": {"S": "k"}}))["Item"]["n"]
        assert (found["L"][0]["M"]["deep"] if place == "list" else found) == {"N": kept}

    run(scenario())


def _with_number(number: str, place: str) -> tuple[str, dict[str, Any]]:
    key, value = {"id": {"S": "k"}}, {"N": number}
    put = {"TableName": "t", "Item": {**key, "n": value}}
    update = {"TableName": "t", "Key": key, "UpdateExpression": "SET n = :n"}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "item": ("PutItem", put),
        "set": ("PutItem", {"TableName": "t", "Item": {**key, "n": {"NS": ["1", number]}}}),
        "list": ("PutItem", {"TableName": "t", "Item": {**key, "n": {"L": [{"M": {"deep": value}}]}}}),
        "value": ("UpdateItem", {**update, "ExpressionAttributeValues": {":n": value}}),
        "transaction": ("TransactWriteItems", {"TransactItems": [{"Put": put}]}),
        "batch": (
            "BatchWriteItem",
            {"RequestItems": {"t": [{"PutRequest": {"Item": each}} for each in ({"id": {"S": "a"}}, put["Item"])]}},
        ),
    }
    return found[place]


def _put(key: str, **more: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"id": {"S": key}, **more}}}


BATCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "26 in one table": ("BatchWriteItem", {"t": [_put(str(n)) for n in range(26)]}),
    "26 in two tables": ("BatchWriteItem", {name: [_put(str(n)) for n in range(13)] for name in ("t", "u")}),
    "one key twice": ("BatchWriteItem", {"t": [_put("a"), _put("a", other={"S": "x"})]}),
    "put and deleted": ("BatchWriteItem", {"t": [_put("a"), {"DeleteRequest": {"Key": {"id": {"S": "a"}}}}]}),
    "one too large": ("BatchWriteItem", {"t": [_put("a"), _put("b", other={"S": "x" * 409_600})]}),
    "101 keys": ("BatchGetItem", {name: {"Keys": [{"id": {"S": str(n)}} for n in range(51)]} for name in ("t", "u")}),
}


@pytest.mark.parametrize("name", BATCHES)
def test_nothing_is_done_of_a_batch_that_dynamodb_does_not_take(name: str) -> None:
    async def scenario() -> None:
        control = Control()
        for each in ("t", "u"):
            await control.ask("dynamodb", "CreateTable", **table(each))
        action, items = BATCHES[name]
        refusal = await control.refusal("dynamodb", action, RequestItems=items)
        assert (refusal["status"], refusal["__type"].rpartition("#")[2]) == (400, "ValidationException")
        assert [(await control.ask("dynamodb", "Scan", TableName=each))["Count"] for each in ("t", "u")] == [0, 0]

    run(scenario())


def test_an_item_of_400_kilobytes_is_kept() -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("t"))
        largest = {"id": {"S": "k"}, "v": {"S": "x" * (409_600 - 4)}}
        await control.ask("dynamodb", "PutItem", TableName="t", Item=largest)
        larger = {"id": {"S": "k"}, "v": {"S": "x" * (409_600 - 3)}}
        refusal = await control.refusal("dynamodb", "PutItem", TableName="t", Item=larger)
        assert "Item size" in refusal["message"]

    run(scenario())
