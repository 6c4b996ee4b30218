"""A statement as the call that does the same: SELECT is a Query or a Scan, INSERT a PutItem, and so on. Pure.

Source: Amazon DynamoDB Developer Guide, "PartiQL select, update, insert, delete statements for DynamoDB".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.dynamodb.partiql.expressions import (
    Condition,
    Expressions,
    Test,
    condition,
    conjuncts,
)
from infrastructure.embedded.apis.dynamodb.partiql.reader import Reader, Value
from infrastructure.embedded.gateway.refused import Refused

Keys = tuple[str, str | None]
"""A table's or an index's key attributes: that of its partitions, and that it is sorted by."""
KeysOf = Callable[[str, str | None], Keys]
"""Of a table, or of an index of it; `Refused` when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The call that does what a statement says; `key` is that of the one item that a SELECT may be about."""

    action: str
    members: dict[str, Any]
    key: dict[str, Value] | None = None

    @property
    def is_read(self) -> bool:
        return self.action in ("Query", "Scan")


def plan(statement: str, parameters: Sequence[Value], keys_of: KeysOf) -> Plan:
    """`Refused` for what is no statement, and for one that DynamoDB does not take."""
    reader = Reader(statement, parameters)
    for word, kind in (("SELECT", _select), ("INSERT", _insert), ("UPDATE", _update), ("DELETE", _delete)):
        if reader.takes(word):
            made = kind(reader, keys_of)
            reader.ends()
            return made
    raise reader.unexpected()


def _select(reader: Reader, keys_of: KeysOf) -> Plan:
    expressions = Expressions()
    shown: list[str] = []
    if not reader.takes("*"):
        shown.append(expressions.path(reader.path()))
        while reader.takes(","):
            shown.append(expressions.path(reader.path()))
    reader.needs("FROM")
    table, index = reader.name(), reader.name() if reader.takes(".") else None
    wanted = conjuncts(condition(reader)) if reader.takes("WHERE") else ()
    partition, sort = keys_of(table, index)
    found = next((each for each in wanted if isinstance(each, Test) and each.is_of(partition, ("=",))), None)
    members: dict[str, Any] = {"TableName": table, "IndexName": index, "ProjectionExpression": ", ".join(shown)}
    single = None if index else _single(wanted, (partition, sort))
    if found is not None:
        ranged = next((each for each in wanted if isinstance(each, Test) and each.is_of(sort)), None)
        key = [each for each in (found, ranged) if each is not None]
        wanted = tuple(each for each in wanted if each not in key)
        members["KeyConditionExpression"] = expressions.all_of(key)
    members["FilterExpression"] = expressions.all_of(wanted)
    if reader.takes("ORDER", "BY"):
        _require_order(reader, reader.name(), found is not None, (partition, sort))
        members["ScanIndexForward"] = not reader.takes("DESC")
        reader.takes("ASC")
    return _plan("Query" if found is not None else "Scan", members, expressions, single)


def _single(wanted: Sequence[Condition], keys: Keys) -> dict[str, Value] | None:
    """The key of the one item that the conditions are about, if they say it whole."""
    tests = [each for each in wanted if isinstance(each, Test)]
    equal = {name: each.values[0] for name in keys if name for each in tests if each.is_of(name, ("=",))}
    return equal if all(name in equal for name in keys if name) else None


def _require_order(reader: Reader, name: str, has_partition: bool, keys: Keys) -> None:
    if not has_partition:
        raise Refused("ValidationException", "Must have WHERE clause in the statement when using ORDER BY clause.")
    if name not in keys:
        raise Refused("ValidationException", f"Variable reference {name} in ORDER BY clause must be part of the key")
    if reader.is_at(","):
        raise reader.unexpected()


def _insert(reader: Reader, keys_of: KeysOf) -> Plan:
    reader.needs("INTO")
    table = reader.name()
    reader.needs("VALUE")
    reader.needs("{")
    item, expressions = reader.members(), Expressions()
    absent = Test((keys_of(table, None)[0],), "IS MISSING")
    members = {"TableName": table, "Item": item, "ConditionExpression": expressions.text(absent)}
    return _plan("PutItem", members, expressions)


def _update(reader: Reader, keys_of: KeysOf) -> Plan:
    table, expressions = reader.name(), Expressions()
    sets: list[str] = []
    removed: list[str] = []
    while reader.is_at("SET") or reader.is_at("REMOVE"):
        if reader.takes("REMOVE"):
            removed.append(expressions.path(reader.path()))
            continue
        reader.needs("SET")
        sets.append(_assigned(reader, expressions))
        while reader.takes(","):
            sets.append(_assigned(reader, expressions))
    if not sets and not removed:
        raise reader.unexpected()
    key, rest = _of_one_item(reader, table, keys_of)
    present = Test((keys_of(table, None)[0],), "IS NOT MISSING")
    clauses = [f"SET {', '.join(sets)}"] * bool(sets) + [f"REMOVE {', '.join(removed)}"] * bool(removed)
    members = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": " ".join(clauses),
        "ConditionExpression": expressions.all_of((present, *rest)),
        "ReturnValues": _returned(reader),
    }
    return _plan("UpdateItem", members, expressions)


def _assigned(reader: Reader, expressions: Expressions) -> str:
    """One `attribute = operand`, whose operand may be a sum."""
    target = expressions.path(reader.path())
    reader.needs("=")
    text = _operand(reader, expressions)
    for sign in ("+", "-"):
        if reader.takes(sign):
            text += f" {sign} {_operand(reader, expressions)}"
            break
    return f"{target} = {text}"


def _operand(reader: Reader, expressions: Expressions) -> str:
    if reader.takes("LIST_APPEND", "("):
        first = _operand(reader, expressions)
        reader.needs(",")
        text = f"list_append({first}, {_operand(reader, expressions)})"
        reader.needs(")")
        return text
    return expressions.path(reader.path()) if reader.is_at_path() else expressions.value(reader.value())


def _delete(reader: Reader, keys_of: KeysOf) -> Plan:
    reader.needs("FROM")
    table, expressions = reader.name(), Expressions()
    key, rest = _of_one_item(reader, table, keys_of)
    members = {
        "TableName": table,
        "Key": key,
        "ConditionExpression": expressions.all_of(rest),
        "ReturnValues": _returned(reader),
    }
    return _plan("DeleteItem", members, expressions)


def _of_one_item(reader: Reader, table: str, keys_of: KeysOf) -> tuple[dict[str, Value], tuple[Condition, ...]]:
    """The key that a WHERE gives whole, and what else must hold."""
    reader.needs("WHERE")
    wanted, key = conjuncts(condition(reader)), {}
    for name in keys_of(table, None):
        found = next((each for each in wanted if isinstance(each, Test) and each.is_of(name, ("=",))), None)
        if name is not None and found is None:
            text = "Where clause does not contain a mandatory equality on all key attributes"
            raise Refused("ValidationException", text)
        if name is not None and found is not None:
            key[name] = found.values[0]
            wanted = tuple(each for each in wanted if each is not found)
    return key, wanted


def _returned(reader: Reader) -> str | None:
    if not reader.takes("RETURNING"):
        return None
    for which in ("ALL", "MODIFIED"):
        for when in ("OLD", "NEW"):
            if reader.takes(which, when, "*"):
                return f"{which.replace('MODIFIED', 'UPDATED')}_{when}"
    raise reader.unexpected()


def _plan(action: str, members: dict[str, Any], expressions: Expressions, key: dict[str, Value] | None = None) -> Plan:
    given = {name: value for name, value in members.items() if value not in (None, "")}
    return Plan(action=action, members={**given, **expressions.members()}, key=key)
