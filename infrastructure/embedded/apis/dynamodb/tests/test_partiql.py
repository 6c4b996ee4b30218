"""PartiQL: statements do what the calls do that they stand for, or are refused as statements."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run, table

ROWS: tuple[dict[str, Any], ...] = (
    {"id": {"S": "a"}, "at": {"S": "1"}, "n": {"N": "5"}, "tags": {"L": [{"S": "x"}, {"M": {"deep": {"N": "1"}}}]}},
    {"id": {"S": "a"}, "at": {"S": "2"}, "n": {"N": "7"}, "it's": {"BOOL": True}},
    {"id": {"S": "b"}, "at": {"S": "1"}, "none": {"NULL": True}},
)


async def _cloud() -> Control:
    control = Control()
    await control.ask("dynamodb", "CreateTable", **table("t", sort="at"))
    for item in ROWS:
        await control.ask("dynamodb", "PutItem", TableName="t", Item=item)
    control.backends.capacity.drain()
    return control


async def _ask(control: Control, statement: str, **more: Any) -> Any:
    return await control.ask("dynamodb", "ExecuteStatement", Statement=statement, **more)


async def _refusal(control: Control, statement: str, **more: Any) -> tuple[int, str]:
    found = await control.refusal("dynamodb", "ExecuteStatement", Statement=statement, **more)
    return found["status"], found["__type"].rpartition("#")[2]


@pytest.mark.parametrize(
    ("where", "places"),
    [
        ("", [0, 1, 2]),
        ("WHERE id = 'a'", [0, 1]),
        ("WHERE id = 'a' AND at = '2'", [1]),
        ("WHERE id = 'a' AND at BETWEEN '2' AND '9'", [1]),
        ("WHERE id = 'a' AND begins_with(at, '1')", [0]),
        ("WHERE id = 'a' AND n > 5", [1]),
        ("WHERE n >= 5 AND NOT n = 7", [0]),
        ("WHERE n = 5 OR id = 'b'", [0, 2]),
        ("WHERE (n = 5 OR id = 'b') AND at = '1'", [0, 2]),
        ("WHERE n IN [5, 6]", [0]),
        ("WHERE n IN (7)", [1]),
        ("WHERE n IS MISSING", [2]),
        ("WHERE n IS NOT MISSING", [0, 1]),
        ("WHERE none IS NULL", [2]),
        ("WHERE tags[0] = 'x' AND tags[1].deep = 1", [0]),
        ("WHERE contains(tags, 'x')", [0]),
        ("WHERE size(tags) = 2", [0]),
        ('WHERE "it\'s" = TRUE', [1]),
        ("WHERE n <> -5", [0, 1, 2]),
    ],
)
def test_a_select_finds_what_its_condition_says(where: str, places: list[int]) -> None:
    async def scenario() -> None:
        found = await _ask(await _cloud(), f'SELECT * FROM "t" {where}')  # noqa: S608  the test's own text
        assert sorted(found["Items"], key=str) == sorted((ROWS[place] for place in places), key=str)

    run(scenario())


def test_a_select_shows_parts_in_order_page_by_page() -> None:
    async def scenario() -> None:
        control, statement = await _cloud(), "SELECT at FROM t WHERE id = ? ORDER BY at DESC"
        first = await _ask(control, statement, Parameters=[{"S": "a"}], Limit=1)
        assert first["Items"] == [{"at": {"S": "2"}}]
        second = await _ask(control, statement, Parameters=[{"S": "a"}], NextToken=first["NextToken"])
        assert (second["Items"], "NextToken" in second) == ([{"at": {"S": "1"}}], False)

    run(scenario())


def test_an_insert_never_overwrites() -> None:
    async def scenario() -> None:
        control = await _cloud()
        statement = "INSERT INTO t VALUE {'id': 'c', 'at': ?, 'm': {'l': [1, -2, null]}, 's': <<'x', 'y'>>}"
        assert (await _ask(control, statement, Parameters=[{"S": "1"}]))["Items"] == []
        assert await _refusal(control, statement, Parameters=[{"S": "1"}]) == (400, "DuplicateItemException")
        [found] = (await _ask(control, "SELECT * FROM t WHERE id = 'c'"))["Items"]
        assert found["m"] == {"M": {"l": {"L": [{"N": "1"}, {"N": "-2"}, {"NULL": True}]}}}
        assert sorted(found["s"]["SS"]) == ["x", "y"]

    run(scenario())


def test_an_update_changes_one_item_that_is_there() -> None:
    async def scenario() -> None:
        control = await _cloud()
        changed = "UPDATE t SET n = n + 1, text = 'it''s' REMOVE tags WHERE id = 'a' AND at = '1'"
        [found] = (await _ask(control, f"{changed} RETURNING ALL NEW *"))["Items"]
        assert found == {"id": {"S": "a"}, "at": {"S": "1"}, "n": {"N": "6"}, "text": {"S": "it's"}}
        absent = "UPDATE t SET n = 1 WHERE id = 'none' AND at = '1'"
        assert await _refusal(control, absent) == (400, "ConditionalCheckFailedException")
        assert await _refusal(control, f"{changed} AND n = 1") == (400, "ConditionalCheckFailedException")
        assert await _refusal(control, "UPDATE t SET n = 1 WHERE id = 'a'") == (400, "ValidationException")

    run(scenario())


def test_a_delete_takes_one_item() -> None:
    async def scenario() -> None:
        control, statement = await _cloud(), "DELETE FROM t WHERE id = 'b' AND at = '1' RETURNING ALL OLD *"
        assert (await _ask(control, statement))["Items"] == [ROWS[2]]
        assert (await _ask(control, statement))["Items"] == []
        assert len((await _ask(control, "SELECT * FROM t"))["Items"]) == 2

    run(scenario())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("garbage", "ValidationException"),
        ("UPDATE nope", "ValidationException"),
        ("SELECT FROM t", "ValidationException"),
        ("SELECT * FROM t WHERE", "ValidationException"),
        ("SELECT * FROM t WHERE id = 'open", "ValidationException"),
        ("SELECT * FROM t WHERE id = ?", "ValidationException"),
        ("SELECT * FROM t; SELECT * FROM t", "ValidationException"),
        ("SELECT * FROM t ORDER BY at", "ValidationException"),
        ("SELECT * FROM t WHERE n = 1" + "1" * 38, "ValidationException"),
        ("SELECT * FROM t.nowhere", "ValidationException"),
        ("SELECT * FROM absent", "ResourceNotFoundException"),
        ("INSERT INTO absent VALUE {'id': 'a'}", "ResourceNotFoundException"),
        ("INSERT INTO t VALUE {'id' 'a'}", "ValidationException"),
    ],
)
def test_what_is_no_statement_is_refused(statement: str, code: str) -> None:
    async def scenario() -> None:
        assert await _refusal(await _cloud(), statement) == (400, code)

    run(scenario())


def test_a_statement_is_metered_and_throttled_as_the_call_it_stands_for() -> None:
    async def scenario() -> None:
        control = await _cloud()
        statement = "SELECT * FROM t WHERE id = 'a'"
        found = await _ask(control, statement, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
        assert found["ConsumedCapacity"] == {"TableName": "t", "CapacityUnits": 1.0}
        assert control.backends.capacity.drain()["t"].read == 1.0
        control.backends.capacity.charge("t", "read", 5000.0, rate=1000.0, now=0.0)
        assert await _refusal(control, statement) == (400, "ProvisionedThroughputExceededException")

    run(scenario())


# --- several statements -----------------------------------------------------------------------------------------------


async def _batch(control: Control, *statements: str, **more: Any) -> list[Any]:
    asked = [{"Statement": each} for each in statements]
    found: list[Any] = (await control.ask("dynamodb", "BatchExecuteStatement", Statements=asked, **more))["Responses"]
    return found


async def _transact(control: Control, *statements: str, **more: Any) -> Any:
    asked = [{"Statement": each} for each in statements]
    return await control.ask("dynamodb", "ExecuteTransaction", TransactStatements=asked, **more)


async def _cancelled(control: Control, *statements: str) -> tuple[str, list[str]]:
    asked = [{"Statement": each} for each in statements]
    found = await control.refusal("dynamodb", "ExecuteTransaction", TransactStatements=asked)
    return found["__type"].rpartition("#")[2], [each["Code"] for each in found.get("CancellationReasons", ())]


ONE = "SELECT * FROM t WHERE id = 'a' AND at = '1'"
NOBODY = "SELECT * FROM t WHERE id = 'z' AND at = '1'"
INSERT = "INSERT INTO t VALUE {'id': 'new', 'at': '1'}"
AGAIN = "INSERT INTO t VALUE {'id': 'a', 'at': '1'}"
COUNT = "UPDATE t SET n = n + 1 WHERE id = 'a' AND at = '1'"


def test_statements_of_a_batch_go_or_fail_each_by_itself() -> None:
    async def scenario() -> None:
        control = await _cloud()
        assert await _batch(control, ONE, NOBODY) == [{"TableName": "t", "Item": ROWS[0]}, {"TableName": "t"}]
        found = await _batch(control, INSERT, AGAIN, "garbage", "DELETE FROM absent WHERE id = 'a'", COUNT)
        codes = [each.get("Error", {}).get("Code") for each in found]
        assert codes == [None, "DuplicateItem", "ValidationError", "ResourceNotFound", None]
        [item] = (await _ask(control, ONE))["Items"]
        assert item["n"] == {"N": "6"}
        assert len((await _ask(control, "SELECT * FROM t"))["Items"]) == 4

    run(scenario())


def test_a_batch_reads_items_or_writes_them() -> None:
    async def scenario() -> None:
        control = await _cloud()
        mixed = [{"Statement": ONE}, {"Statement": COUNT}]
        found = await control.refusal("dynamodb", "BatchExecuteStatement", Statements=mixed)
        assert found["__type"].endswith("ValidationException")
        [whole] = await _batch(control, "SELECT * FROM t WHERE id = 'a'")
        assert "must specify the primary key" in whole["Error"]["Message"]

    run(scenario())


def test_a_batch_is_throttled_statement_by_statement() -> None:
    async def scenario() -> None:
        control = await _cloud()
        control.backends.capacity.charge("t", "write", 5000.0, rate=1000.0, now=0.0)
        [found] = await _batch(control, COUNT)
        assert found["Error"]["Code"] == "ProvisionedThroughputExceeded"

    run(scenario())


def test_a_transaction_of_statements_is_all_or_none() -> None:
    async def scenario() -> None:
        control = await _cloud()
        assert await _cancelled(control, COUNT, AGAIN) == ("ValidationException", []), "both are about one item"
        twice = "INSERT INTO t VALUE {'id': 'b', 'at': '1'}"
        assert await _cancelled(control, COUNT, twice) == ("TransactionCanceledException", ["None", "DuplicateItem"])
        wrong = f"{COUNT} AND n = 99"
        assert await _cancelled(control, INSERT, wrong) == (
            "TransactionCanceledException",
            ["None", "ConditionalCheckFailed"],
        )
        assert await _batch(control, ONE) == [{"TableName": "t", "Item": ROWS[0]}]
        assert (await _transact(control, COUNT, INSERT))["Responses"] == [{}, {}]
        [first, second] = (await _transact(control, "SELECT n, id FROM t WHERE id='a' AND at='1'", NOBODY))["Responses"]
        assert (first, second) == ({"Item": {"n": {"N": "6"}, "id": {"S": "a"}}}, {})

    run(scenario())


def test_a_transaction_counts_double() -> None:
    async def scenario() -> None:
        control = await _cloud()
        await _transact(control, COUNT)
        assert control.backends.capacity.drain()["t"].write == 2.0

    run(scenario())


@pytest.mark.parametrize(
    "statements",
    [(ONE, COUNT), ("SELECT * FROM t",), (f"{ONE} AND n = 5",), (f"{COUNT} RETURNING ALL NEW *",), ("garbage",)],
    ids=["mixed", "many items", "a filter", "returning", "nonsense"],
)
def test_what_is_no_transaction_is_refused(statements: tuple[str, ...]) -> None:
    async def scenario() -> None:
        assert await _cancelled(await _cloud(), *statements) == ("ValidationException", [])

    run(scenario())
