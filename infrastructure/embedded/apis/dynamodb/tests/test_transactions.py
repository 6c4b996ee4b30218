import copy
from typing import Any

import pytest
from moto.core.exceptions import ServiceException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from werkzeug.exceptions import HTTPException

from infrastructure.embedded.apis.dynamodb.patches import transactions

MOTO, OURS = transactions._write, transactions._transact_write_items
KEYED = {"AttributeName": "id", "KeyType": "HASH"}
RANGED = {"AttributeName": "at", "KeyType": "RANGE"}


def _backend() -> Any:
    backend = DynamoDBBackend("us-east-1", "123456789012")
    for name, schema in (("plain", [KEYED]), ("ranged", [KEYED, RANGED])):
        attributes = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in schema]
        backend.create_table(
            name=name,
            schema=schema,
            throughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            attr=attributes,
            global_indexes=[],
            indexes=[],
            streams={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            billing_mode="PROVISIONED",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )
    backend.put_item("plain", {"id": {"S": "old"}, "n": {"N": "1"}})
    backend.put_item("ranged", {"id": {"S": "old"}, "at": {"S": "1"}, "n": {"N": "1"}})
    return backend


def _put(table: str, key: str, condition: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"TableName": table, "Item": {"id": {"S": key}, "at": {"S": "1"}, "n": {"N": "9"}}}
    return {"Put": operation | ({"ConditionExpression": condition} if condition else {})}


def _delete(table: str, key: str) -> dict[str, Any]:
    at = {"at": {"S": "1"}} if table == "ranged" else {}
    return {"Delete": {"TableName": table, "Key": {"id": {"S": key}, **at}}}


def _update(key: str) -> dict[str, Any]:
    expression = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}
    return {"Update": {"TableName": "plain", "Key": {"id": {"S": key}}, **expression}}


def _contents(backend: Any) -> dict[str, Any]:
    items = {name: [item.to_json() for item in table.all_items()] for name, table in backend.tables.items()}
    streams = {name: len(table.stream_shard.items) for name, table in backend.tables.items()}
    return {"items": items, "streams": streams}


TRANSACTIONS = {
    "two puts": [_put("plain", "a"), _put("ranged", "b")],
    "put over an old item": [_put("plain", "old")],
    "update and delete": [_update("old"), _delete("ranged", "old")],
    "a condition refuses the last": [_put("plain", "a"), _update("old"), _put("plain", "old2", "attribute_exists(id)")],
    "a condition refuses after a delete": [_delete("ranged", "old"), _put("plain", "z", "attribute_exists(id)")],
    "the same item twice": [_put("plain", "a"), _put("plain", "a")],
    "an unknown table": [_put("plain", "a"), _put("nowhere", "a")],
    "a key without its range": [_put("plain", "a"), {"Delete": {"TableName": "ranged", "Key": {"id": {"S": "old"}}}}],
}


@pytest.mark.parametrize("operations", TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_a_transaction_ends_as_it_does_in_moto(operations: list[dict[str, Any]]) -> None:
    ends = []
    for write in (MOTO, OURS):
        backend, refusal = _backend(), None
        try:
            write(backend, copy.deepcopy(operations))
        except (ServiceException, HTTPException) as refused:
            refusal = (type(refused).__name__, str(refused))
        ends.append((refusal, _contents(backend)))
    assert ends[1] == ends[0]


def test_a_transaction_copies_no_more_than_the_items_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = _backend()
    for number in range(100):
        backend.put_item("plain", {"id": {"S": str(number)}, "n": {"N": "1"}})
    copied: list[object] = []
    plain = Item.__deepcopy__

    def counted(item: object, memo: dict[int, object]) -> object:
        copied.append(item)
        return plain(item, memo)

    monkeypatch.setattr(Item, "__deepcopy__", counted)
    OURS(backend, [_put("plain", "5"), _put("plain", "new")])
    assert len(copied) <= 2
