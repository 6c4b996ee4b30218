"""A transaction copies the items it names, not the tables they are in; one that reads shows what is asked for.

Replaces how `moto.dynamodb.models.DynamoDBBackend.transact_write_items` (moto 5.2) can be taken back: it deep-copies
every table of the transaction before the first write, which takes seconds once a table holds some thousand items, and
puts the copies in the tables' place when an operation is refused. Here a table stands for its own copy meanwhile, so
that moto's code puts each back in its own place, which changes nothing, and the items are put back one by one.

Replaces `moto.dynamodb.responses.DynamoHandler.transact_get_items`, which reads no ProjectionExpression.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.dynamodb import responses
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

Record = Any
"""One of moto's records; moto publishes no types."""

_write = DynamoDBBackend.transact_write_items
_get = responses.DynamoHandler.transact_get_items


@dataclass(frozen=True, slots=True)
class _Saved:
    """One item before the transaction: None where there was none. `events` is the length of the table's stream."""

    table: Record
    hash_key: DynamoType
    range_key: DynamoType | None
    item: Record | None
    events: int

    def restore(self) -> None:
        stored = self.table.items
        if self.range_key is not None:
            stored, key = stored[self.hash_key], self.range_key
        else:
            key = self.hash_key
        if self.item is None:
            stored.pop(key, None)
        else:
            stored[key] = self.item
        if self.table.stream_shard is not None:
            del self.table.stream_shard.items[self.events :]


def _transact_write_items(backend: Record, transact_items: list[dict[str, Any]]) -> None:
    saved = [*_saved(backend, transact_items)]
    try:
        with _uncopied():
            _write(backend, transact_items)
    except BaseException:
        for each in saved:
            each.restore()
        raise


def _saved(backend: Record, operations: Iterable[Mapping[str, Any]]) -> Iterator[_Saved]:
    """What the operations name. One that names no table or no whole key is left for moto to refuse."""
    for operation in operations:
        for kind, details in operation.items():
            table = backend.tables.get(details.get("TableName"))
            key = details.get("Item" if kind == "Put" else "Key", {})
            if table is None or table.hash_key_attr not in key:
                continue
            if table.has_range_key and table.range_key_attr not in key:
                continue
            hash_key = DynamoType(key[table.hash_key_attr])
            range_key = DynamoType(key[table.range_key_attr]) if table.has_range_key else None
            events = len(table.stream_shard.items) if table.stream_shard is not None else 0
            yield _Saved(table, hash_key, range_key, copy.deepcopy(_found(table, hash_key, range_key)), events)


def _found(table: Record, hash_key: DynamoType, range_key: DynamoType | None) -> Record | None:
    # The mapping is a defaultdict: looking must not leave an empty entry behind.
    item = table.items.get(hash_key)
    return item.get(range_key) if range_key is not None and item is not None else item


@contextmanager
def _uncopied() -> Iterator[None]:
    """Let a table that is to be deep-copied stand for its own copy. All calls run on one thread, one after another."""
    Table.__deepcopy__ = lambda table, _memo: table
    try:
        yield
    finally:
        del Table.__deepcopy__


def _transact_get_items(handler: Record) -> Record:
    answer = _get(handler)
    asked = (each["Get"] for each in handler.body["TransactItems"])
    for get, found in zip(asked, answer.result["Responses"], strict=True):
        expression = get.get("ProjectionExpression")
        if expression and found:
            shown = responses.ProjectionExpressionParser(expression, get.get("ExpressionAttributeNames") or {}).parse()
            item = handler.dynamodb_backend.get_item(get["TableName"], get["Key"], shown)
            found["Item"] = responses.dynamo_to_dict(item.describe_attrs(attributes=None))["Item"]
    return answer


def install() -> None:
    """Replace the transactions."""
    DynamoDBBackend.transact_write_items = _transact_write_items
    responses.DynamoHandler.transact_get_items = _transact_get_items
