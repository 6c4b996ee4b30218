"""Provisioned throughput as DynamoDB enforces and refuses it."""

import json
import math
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.embedded.apis.dynamodb.capacity import Capacity, attributes_size, read_units, write_units
from infrastructure.embedded.apis.dynamodb.tables import TableCalls
from infrastructure.embedded.apis.dynamodb.throttling import Throttling
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run, table


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _cloud(*, read: int = 1, write: int = 1, burst_s: float = 1.0) -> tuple[Control, Clock]:
    control, clock = Control(interceptors=()), Clock()
    await control.ask("dynamodb", "CreateTable", **table("orders", read=read, write=write))
    await control.ask("dynamodb", "CreateTable", **table("roomy"))
    operations = control.backends.operations
    operations.bind("dynamodb", TableCalls(control.backends.dynamodb, operations))
    control.backends.capacity.burst_s = burst_s
    throttling = Throttling(control.backends, clock=clock)
    plain = control.plane.handle
    control.plane.handle = lambda call: throttling(call, plain)  # type: ignore[method-assign]  # in front of the rest
    return control, clock


def _put(key: str, name: str = "orders", **attributes: Any) -> dict[str, Any]:
    return {"TableName": name, "Item": {"id": {"S": key}, **attributes}}


def test_what_the_capacity_does_not_cover_is_refused_as_aws_refuses_it() -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        refusal = await control.refusal("dynamodb", "PutItem", **_put("b"))
        assert (refusal["status"], refusal["__type"]) == (
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        )
        assert "UpdateTable" in refusal["message"]

    run(scenario())


def test_credit_comes_back_at_the_provisioned_rate() -> None:
    async def scenario() -> None:
        control, clock = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        clock.now = 0.9
        await control.refusal("dynamodb", "PutItem", **_put("b"))
        clock.now = 1.0
        await control.ask("dynamodb", "PutItem", **_put("b"))

    run(scenario())


def test_a_request_larger_than_the_credit_passes_and_is_paid_off() -> None:
    async def scenario() -> None:
        control, clock = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a", text={"S": "x" * 3000}))
        clock.now = 2.9
        await control.refusal("dynamodb", "PutItem", **_put("b"))
        clock.now = 3.0
        await control.ask("dynamodb", "PutItem", **_put("b"))

    run(scenario())


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}, True),
        ({"BillingMode": "PAY_PER_REQUEST"}, False),
    ],
    ids=["cut to one", "on demand"],
)
def test_a_change_of_capacity_counts_with_the_next_call(change: dict[str, Any], refused: bool) -> None:
    async def scenario() -> None:
        control, _ = await _cloud(write=1000)
        await control.ask("dynamodb", "PutItem", **_put("a"))
        await control.ask("dynamodb", "UpdateTable", TableName="orders", **change)
        answers = [await control.answer("dynamodb", "PutItem", **_put(str(number))) for number in range(3)]
        assert (not answers[-1].is_success) is refused

    run(scenario())


def test_a_transaction_is_cancelled_with_the_reason_at_its_place() -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        operations = [{"Put": _put("x", "roomy")}, {"Put": _put("y")}]
        refusal = await control.refusal("dynamodb", "TransactWriteItems", TransactItems=operations)
        assert refusal["__type"].endswith("#TransactionCanceledException")
        assert [reason["Code"] for reason in refusal["CancellationReasons"]] == [
            "None",
            "ProvisionedThroughputExceeded",
        ]
        found = await control.ask("dynamodb", "GetItem", TableName="roomy", Key={"id": {"S": "x"}})
        assert "Item" not in found

    run(scenario())


def test_a_batch_gives_back_what_did_not_pass() -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        left = [{"PutRequest": {"Item": {"id": {"S": "y"}}}}]
        wanted = {"roomy": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}], "orders": left}
        answer = await control.ask("dynamodb", "BatchWriteItem", RequestItems=wanted)
        assert answer["UnprocessedItems"] == {"orders": left}
        assert "Item" in await control.ask("dynamodb", "GetItem", TableName="roomy", Key={"id": {"S": "x"}})
        refusal = await control.refusal("dynamodb", "BatchWriteItem", RequestItems={"orders": left})
        assert refusal["__type"].endswith("#ProvisionedThroughputExceededException")

    run(scenario())


@pytest.mark.parametrize("action", ["BatchWriteItem", "BatchGetItem"])
def test_a_batch_of_which_a_part_came_back_carries_no_checksum_of_the_whole_one(action: str) -> None:
    """boto3 takes an answer whose CRC-32 is another's for damaged, and sends the batch again."""

    async def scenario() -> None:
        control, _ = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        await control.ask("dynamodb", "GetItem", TableName="orders", Key={"id": {"S": "a"}}, ConsistentRead=True)
        wanted: Any = {name: [{"PutRequest": {"Item": {"id": {"S": "x"}}}}] for name in ("roomy", "orders")}
        if action == "BatchGetItem":
            wanted = {name: {"Keys": [{"id": {"S": "x"}}]} for name in ("roomy", "orders")}
        answer = await control.answer("dynamodb", action, RequestItems=wanted)
        left = "UnprocessedKeys" if action == "BatchGetItem" else "UnprocessedItems"
        assert json.loads(answer.body)[left] == {"orders": wanted["orders"]}
        checksum = {name.lower(): value for name, value in answer.headers.items()}.get("x-amz-crc32")
        assert checksum in (None, str(zlib.crc32(answer.body)))

    run(scenario())


def _arn(table_name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table_name}"


def test_a_batch_may_name_its_tables_by_their_arns() -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        await control.ask("dynamodb", "PutItem", **_put("a"))
        left = [{"PutRequest": {"Item": {"id": {"S": "y"}}}}]
        wanted = {_arn("roomy"): [{"PutRequest": {"Item": {"id": {"S": "x"}}}}], _arn("orders"): left}
        answer = await control.ask("dynamodb", "BatchWriteItem", RequestItems=wanted)
        assert answer["UnprocessedItems"] == {_arn("orders"): left}
        keys = {_arn("orders"): {"Keys": [{"id": {"S": "a"}}], "ConsistentRead": True}}
        await control.ask("dynamodb", "BatchGetItem", RequestItems=keys)
        assert control.backends.capacity.drain()["orders"].read == 1.0

    run(scenario())


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("BatchWriteItem", {"RequestItems": {"orders": "x"}}),
        ("BatchWriteItem", {"RequestItems": {"orders": ["x"]}}),
        ("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": None}]}}),
        ("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": {"Item": "x"}}]}}),
        ("BatchGetItem", {"RequestItems": {"orders": "x"}}),
        ("BatchGetItem", {"RequestItems": {"orders": {"Keys": 5}}}),
        ("TransactWriteItems", {"TransactItems": [{"Put": "x"}]}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "orders", "Item": "x"}}]}),
        ("TransactGetItems", {"TransactItems": [{"Get": None}]}),
        ("PutItem", {"TableName": "orders", "Item": "x"}),
    ],
)
def test_what_makes_no_sense_is_answered_and_not_stumbled_over(action: str, parameters: dict[str, Any]) -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        refusal = await control.refusal("dynamodb", action, **parameters)
        assert "__type" in refusal, "as DynamoDB writes an error"

    run(scenario())


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("BatchGetItem", {"RequestItems": {}}),
        ("BatchGetItem", {"RequestItems": {"orders": {"Keys": []}}}),
        ("TransactGetItems", {"TransactItems": []}),
        ("TransactWriteItems", {"TransactItems": []}),
    ],
)
def test_what_names_no_item_costs_nothing(action: str, parameters: dict[str, Any]) -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        await control.answer("dynamodb", action, **parameters)
        assert "orders" not in control.backends.capacity.drain()

    run(scenario())


def test_usage_is_counted_as_aws_counts_it() -> None:
    async def scenario() -> None:
        control, _ = await _cloud(read=1000, write=1000)
        await control.ask("dynamodb", "PutItem", **_put("a", text={"S": "x" * 2000}))
        await control.ask("dynamodb", "TransactWriteItems", TransactItems=[{"Put": _put("b")}])
        await control.ask("dynamodb", "DeleteItem", TableName="orders", Key={"id": {"S": "a"}})
        for consistent in (False, True):
            await control.ask(
                "dynamodb", "GetItem", TableName="orders", Key={"id": {"S": "b"}}, ConsistentRead=consistent
            )
        usage = control.backends.capacity.drain()["orders"]
        assert (usage.write, usage.read) == (2 + 2 + 2, 0.5 + 1.0)
        read = [{"Get": {"TableName": "orders", "Key": {"id": {"S": "b"}}}}]
        await control.ask("dynamodb", "TransactGetItems", TransactItems=read * 3)
        assert control.backends.capacity.drain()["orders"].read == 3 * 2.0

    run(scenario())


def test_what_was_throttled_is_counted_by_operation() -> None:
    async def scenario() -> None:
        control, _ = await _cloud()
        for number in range(4):
            await control.answer("dynamodb", "PutItem", **_put(str(number)))
        usage = control.backends.capacity.drain()["orders"]
        assert (usage.throttled, usage.throttled_writes, usage.throttled_reads) == ({"PutItem": 3}, 3, 0)

    run(scenario())


@given(
    st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.5, 5.0)), min_size=1, max_size=60),
    st.floats(1.0, 50.0),
    st.floats(0.5, 5.0),
)
def test_no_more_passes_than_was_earned_and_the_burst_and_one_request(
    requests: list[tuple[float, float]], rate: float, burst_s: float
) -> None:
    capacity, now, passed = Capacity(burst_s=burst_s), 0.0, 0.0
    for pause, units in requests:
        now += pause
        if capacity.has_credit("t", "write", rate=rate, now=now):
            capacity.charge("t", "write", units, rate=rate, now=now)
            passed += units
    assert passed <= rate * (now + burst_s) + max(units for _, units in requests) + 1e-6


def test_a_table_made_anew_starts_with_a_full_bucket() -> None:
    capacity = Capacity(burst_s=1.0)
    capacity.charge("t", "write", 10.0, rate=1.0, now=0.0)
    assert not capacity.has_credit("t", "write", rate=1.0, now=0.0)
    capacity.keep(frozenset())
    assert capacity.has_credit("t", "write", rate=1.0, now=0.0)


@pytest.mark.parametrize(
    ("size", "writes", "reads"),
    [(0, 1, 1), (1024, 1, 1), (1025, 2, 1), (4096, 4, 1), (4097, 5, 2)],
)
def test_units_are_begun_kilobytes_written_and_four_read(size: int, writes: int, reads: int) -> None:
    assert (write_units(size), read_units(size, is_consistent=True)) == (writes, reads)
    assert read_units(size, is_consistent=False) == reads / 2


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"id": {"S": "größe"}}, 2 + 7),
        ({"n": {"N": "1234"}}, 1 + 3),
        ({"b": {"BOOL": True}}, 1 + 1),
        ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 1 + 3 + 3 + 2),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 2 + 1),
        ({"s": {"SS": ["ab", "c"]}}, 1 + 3),
    ],
    ids=["text", "number", "bool", "list", "map", "set"],
)
def test_sizes_are_counted_by_kind(item: dict[str, Any], size: int) -> None:
    assert attributes_size(item) == size


def test_on_demand_is_never_empty() -> None:
    capacity = Capacity()
    capacity.charge("t", "read", math.inf, rate=10.0, now=0.0)
    assert capacity.has_credit("t", "read", rate=None, now=0.0)
