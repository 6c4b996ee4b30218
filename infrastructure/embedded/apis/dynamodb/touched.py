"""The items that a request names, and their tables: what throttling charges, and what transactions contend for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.gateway.call import Call

Wire = Mapping[str, Any]
"""A part of a request or an answer in DynamoDB's JSON."""


@dataclass(frozen=True, slots=True)
class Touched:
    """One item of a request: its table and what finds it in the table (its key, or the item itself)."""

    table: str
    key: Wire
    is_consistent: bool = False


def touched_by(call: Call) -> Iterator[Touched]:
    """The items, or for Query and Scan the table, that a request names. A table may be named by its ARN."""
    body = call.parameters
    if call.action.startswith("Transact"):
        for entry in _list(body, "TransactItems"):
            operation = members_of(entry, next(iter(entry), ""))
            key = members_of(operation, "Item") or members_of(operation, "Key")
            yield Touched(_name(operation), key, is_consistent=True)
    elif call.action == "BatchWriteItem":
        tables = members_of(body, "RequestItems")
        for table in tables:
            for request in _list(tables, table):
                put, deleted = members_of(request, "PutRequest"), members_of(request, "DeleteRequest")
                yield Touched(name_of(table), members_of(put, "Item") or members_of(deleted, "Key"))
    elif call.action == "BatchGetItem":
        tables = members_of(body, "RequestItems")
        for table in tables:
            request = members_of(tables, table)
            for key in _list(request, "Keys"):
                yield Touched(name_of(table), key, bool(request.get("ConsistentRead")))
    else:
        key = members_of(body, "Item") or members_of(body, "Key")
        yield Touched(_name(body), key, bool(body.get("ConsistentRead")))


def _name(operation: Wire) -> str:
    return name_of(str(operation.get("TableName", "")))


def name_of(table: str) -> str:
    """A table's name, by which or by whose ARN it was named."""
    return table.rpartition("/")[2]


def _list(body: Wire, name: str) -> list[Wire]:
    found = body.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def members_of(body: Wire, name: str) -> Mapping[str, Any]:
    """A member that is a structure; an empty one when it is not."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}
