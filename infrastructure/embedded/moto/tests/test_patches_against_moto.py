"""What the patches make fast they must not make different: the same calls to moto with and without them."""

import base64
import json
from typing import Any

from infrastructure.embedded.moto.tests.oracle import Step, answers
from infrastructure.embedded.tests.control import Control, run, table


def _item(key: str, sort: str = "", **more: Any) -> dict[str, Any]:
    keys = {"id": {"S": key}} | ({"at": {"S": sort}} if sort else {})
    return (
        keys | {"n": {"N": "12.5"}, "t": {"S": "größe"}, "l": {"L": [{"M": {"x": {"N": "1"}}}, {"BOOL": True}]}} | more
    )


def _put(name: str, item: dict[str, Any], **more: Any) -> Step:
    return ("dynamodb", "PutItem", {"TableName": name, "Item": item, **more})


def _query(value: str, **more: Any) -> Step:
    names, values = {"#i": "id"}, {":i": {"S": value}}
    return (
        "dynamodb",
        "Query",
        {
            "TableName": "ranged",
            "KeyConditionExpression": "#i = :i" + more.pop("and_", ""),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values | more.pop("values", {}),
            **more,
        },
    )


_ABSENT = "attribute_not_exists(id)"


def _update(expression: str, condition: str, names: dict[str, str], **values: str) -> Step:
    return (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "plain",
            "Key": {"id": {"S": "b"}},
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":{name}": {"S": value} for name, value in values.items()},
            "ReturnValues": "ALL_NEW",
        },
    )


def _both(status: str, **names: str) -> Step:
    put = {"TableName": "plain", "Item": _item(f"of {status}"), "ConditionExpression": _ABSENT}
    update = {
        "TableName": "plain",
        "Key": {"id": {"S": "c"}},
        "UpdateExpression": "SET #s = :s",
        "ConditionExpression": "attribute_not_exists(#s) OR #s <> :s",
        "ExpressionAttributeNames": {"#s": "status"} | names,
        "ExpressionAttributeValues": {":s": {"S": status}},
    }
    return ("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": put}, {"Update": update}]})


def _append(*texts: str) -> Step:
    return (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "plain",
            "Key": {"id": {"S": "c"}},
            "UpdateExpression": "SET l = list_append(l, :more)",
            "ExpressionAttributeValues": {":more": {"L": [{"S": text} for text in texts]}},
            "ReturnValues": "ALL_NEW",
        },
    )


_S, _T = {"#s": "status"}, {"#s": "t"}
_CONDITIONAL: tuple[Step, ...] = (
    _update("SET #s = :new", "attribute_not_exists(#s)", _S, new="first"),
    _update("SET #s = :new", "attribute_not_exists(#s)", _S, new="second"),
    _update("SET #s = :new", "#s = :old", _S, new="second", old="first"),
    _update("SET #s = :new", "#s = :old", _S, new="third", old="first"),
    _update("SET #s = :new", "#s = :old", _S, new="third", old="second"),
    _update("SET #s = :new", "#s = :old", _T, new="of another name", old="größe"),
    _update("SET #s = :new", "#s = :old", _S, new="a value too many", old="third", idle="x"),
    _update("SET #s = :new", "#s = :old", _S | {"#idle": "x"}, new="a name too many", old="third"),
    _update("SET #s = = :new", "#s = :old", _S, new="no expression", old="third"),
    _update("SET #s = :new REMOVE #s", "#s = :old", _S, new="twice", old="third"),
    _update("SET a = if_not_exists(a, :new), b = :new REMOVE l[1], l[0]", "#s = :old", _S, new="x", old="third"),
    _update("SET a = if_not_exists(a, :new), b = :new REMOVE l[1], l[0]", "#s = :old", _S, new="y", old="third"),
    _append("one"),
    _append("two", "three"),
    _both("paid"),
    _both("paid"),
    _both("sent"),
    _both("lost", **{"#idle": "x"}),
)
DYNAMODB: tuple[Step, ...] = (
    ("dynamodb", "CreateTable", table("plain")),
    ("dynamodb", "CreateTable", table("ranged", sort="at")),
    *(_put("plain", _item(key)) for key in ("b", "a", "c")),
    *(_put("ranged", _item(key, sort)) for key in ("x", "y") for sort in ("3", "1", "10", "2")),
    _put("plain", _item("a", extra={"S": "new"}), ReturnValues="ALL_OLD"),
    _put("plain", _item("a"), ConditionExpression=_ABSENT),
    _put("plain", _item("a"), ConditionExpression=_ABSENT, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
    _put("plain", _item("bytes", raw={"B": base64.b64encode(b"\x00\xff").decode()}, many={"BS": ["AA==", "AQ=="]})),
    _put("plain", _item("none", nothing={"NULL": True}, some={"SS": ["b", "a"]}, numbers={"NS": ["1", "2"]})),
    _put("plain", {"id": {"N": "1"}}),
    _put("plain", {"other": {"S": "no key"}}),
    _put("plain", _item("huge", huge={"S": "x" * 500_000})),
    _put("plain", _item("text", number={"N": "abc"})),
    _put("absent", _item("a")),
    *(
        ("dynamodb", "GetItem", {"TableName": "plain", "Key": {"id": {"S": key}}})
        for key in ("a", "bytes", "none", "zz")
    ),
    ("dynamodb", "GetItem", {"TableName": "plain", "Key": {"id": {"S": "a"}}, "ProjectionExpression": "t, l"}),
    ("dynamodb", "GetItem", {"TableName": "plain", "Key": {"id": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"}),
    (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "plain",
            "Key": {"id": {"S": "a"}},
            "UpdateExpression": "SET n = n + :one, fresh = :text REMOVE t",
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":text": {"S": "new"}},
            "ReturnValues": "ALL_NEW",
        },
    ),
    *_CONDITIONAL,
    _query("x"),
    _query("x", Limit=2),
    _query("x", Limit=2, ExclusiveStartKey={"id": {"S": "x"}, "at": {"S": "10"}}),
    _query("x", ScanIndexForward=False),
    _query("x", and_=" AND at > :at", values={":at": {"S": "1"}}),
    _query("x", FilterExpression="at <> :at", values={":at": {"S": "2"}}),
    _query("nobody"),
    ("dynamodb", "Scan", {"TableName": "plain"}),
    ("dynamodb", "Scan", {"TableName": "ranged", "Limit": 3}),
    ("dynamodb", "Scan", {"TableName": "ranged", "ExclusiveStartKey": {"id": {"S": "x"}, "at": {"S": "2"}}}),
    ("dynamodb", "Scan", {"TableName": "ranged", "Select": "COUNT"}),
    *(_put("plain", _item(f"large-{number}", large={"S": "x" * 300_000})) for number in range(5)),
    ("dynamodb", "Scan", {"TableName": "plain", "ProjectionExpression": "id"}),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"plain": {"Keys": [{"id": {"S": "a"}}, {"id": {"S": "zz"}}]}}},
    ),
    (
        "dynamodb",
        "BatchWriteItem",
        {
            "RequestItems": {
                "plain": [{"DeleteRequest": {"Key": {"id": {"S": "c"}}}}, {"PutRequest": {"Item": _item("d")}}]
            }
        },
    ),
    ("dynamodb", "DeleteItem", {"TableName": "plain", "Key": {"id": {"S": "b"}}, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "TransactGetItems", {"TransactItems": [{"Get": {"TableName": "plain", "Key": {"id": {"S": "a"}}}}]}),
    ("dynamodb", "DescribeTable", {"TableName": "plain"}),
)
_MOMENTARY = {"CreationDateTime", "TableId", "StreamCreationTimestamp", "LatestStreamLabel"}
_ELSEWHERE = {"ConsumedCapacity"}
"""What moto makes up: throttling tells it, of what it charges."""


def _lasting(value: Any) -> Any:
    """Without what differs from run to run, and the text of an error that ours give in both spellings."""
    if isinstance(value, dict):
        if "__type" in value:
            value = {name: each for name, each in value.items() if name != "Message"}
        return {name: _lasting(each) for name, each in value.items() if name not in _MOMENTARY | _ELSEWHERE}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


async def _ours(steps: tuple[Step, ...]) -> list[tuple[int, Any]]:
    control = Control(interceptors=())
    found = []
    for service, action, parameters in steps:
        answer = await control.answer(service, action, **parameters)
        found.append((answer.status, json.loads(answer.body) if answer.body else {}))
    return found


def test_patched_moto_answers_as_moto_does() -> None:
    steps = DYNAMODB
    expected, actual = answers(steps), run(_ours(steps))
    for number, (_, action, parameters) in enumerate(steps):
        assert expected[number][0] == actual[number][0], f"step {number}: {action} {str(parameters)[:200]}"
        assert _lasting(expected[number][1]) == _lasting(actual[number][1]), f"step {number}: {action}"


def test_moto_keeps_no_list_of_every_object_it_made() -> None:
    async def scenario() -> int:
        control = Control(interceptors=())
        await control.ask("dynamodb", "CreateTable", **table("plain"))
        from moto.dynamodb.models.dynamo_type import Item

        before = len(Item.instances_tracked)
        for number in range(20):
            await control.ask("dynamodb", "PutItem", TableName="plain", Item=_item(str(number)))
        return len(Item.instances_tracked) - before

    assert run(scenario()) == 0


def test_a_query_looks_at_its_partition_only() -> None:
    async def scenario() -> int:
        control = Control(interceptors=())
        await control.ask("dynamodb", "CreateTable", **table("ranged", sort="at"))
        for number in range(50):
            await control.ask("dynamodb", "PutItem", TableName="ranged", Item=_item(f"p{number % 10}", str(number)))
        record = control.backends.dynamodb.tables["ranged"]
        looked_at: list[int] = []
        original = type(record).all_items

        def counted() -> Any:
            found = original(record)
            looked_at.append(len(found))
            return found

        record.all_items = counted
        _, action, parameters = _query("p3")
        await control.ask("dynamodb", action, **parameters)
        return looked_at[0]

    assert run(scenario()) == 5
