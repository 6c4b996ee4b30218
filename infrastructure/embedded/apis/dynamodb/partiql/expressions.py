"""Conditions of a statement, and the expressions that DynamoDB's other calls have for them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.apis.dynamodb.partiql.reader import Path, Reader, Value
from infrastructure.embedded.gateway.refused import unsupported

_COMPARED = ("=", "<>", "!=", "<=", ">=", "<", ">")
_OF_KEYS = ("=", "<=", ">=", "<", ">", "BETWEEN", "begins_with")
"""What an index can answer of a sort key."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test of one attribute; `values` are as many as its kind takes."""

    path: Path
    kind: str
    values: tuple[Value, ...] = ()
    is_size: bool = False

    def is_of(self, key: str | None, kinds: Sequence[str] = _OF_KEYS) -> bool:
        """Whether it is about a key attribute, in a way that finds items by it."""
        return key is not None and self.path == (key,) and self.kind in kinds and not self.is_size


@dataclass(frozen=True, slots=True)
class Group:
    """Tests of which all must hold, or one, or (NOT) the only one must not."""

    kind: str
    parts: "tuple[Condition, ...]"


Condition = Test | Group


def condition(reader: Reader) -> Condition:
    """What stands after WHERE."""
    parts = [_both(reader)]
    while reader.takes("OR"):
        parts.append(_both(reader))
    return parts[0] if len(parts) == 1 else Group("OR", tuple(parts))


def conjuncts(of: Condition | None) -> tuple[Condition, ...]:
    """What must hold, one by one."""
    if of is None:
        return ()
    return of.parts if isinstance(of, Group) and of.kind == "AND" else (of,)


def _both(reader: Reader) -> Condition:
    parts = [_one(reader)]
    while reader.takes("AND"):
        parts.append(_one(reader))
    return parts[0] if len(parts) == 1 else Group("AND", tuple(parts))


def _one(reader: Reader) -> Condition:
    if reader.takes("NOT"):
        return Group("NOT", (_one(reader),))
    if reader.takes("("):
        inner = condition(reader)
        reader.needs(")")
        return inner
    if reader.takes("EXISTS", "("):
        raise unsupported("PartiQL's EXISTS")
    for function in ("begins_with", "contains", "attribute_type"):
        if reader.takes(function.upper(), "("):
            path = reader.path()
            reader.needs(",")
            value = reader.value()
            reader.needs(")")
            return Test(path, function, (value,))
    if reader.takes("SIZE", "("):
        path = reader.path()
        reader.needs(")")
        return _tested(reader, path, is_size=True)
    return _tested(reader, reader.path())


def _tested(reader: Reader, path: Path, *, is_size: bool = False) -> Test:
    for mark in _COMPARED:
        if reader.takes(mark):
            return Test(path, "<>" if mark == "!=" else mark, (reader.value(),), is_size)
    if reader.takes("BETWEEN"):
        least = reader.value()
        reader.needs("AND")
        return Test(path, "BETWEEN", (least, reader.value()), is_size)
    if reader.takes("IN"):
        return Test(path, "IN", _listed(reader), is_size)
    reader.needs("IS")
    is_not = reader.takes("NOT")
    for word in ("MISSING", "NULL"):
        if reader.takes(word):
            return Test(path, f"IS NOT {word}" if is_not else f"IS {word}")
    raise reader.unexpected()


def _listed(reader: Reader) -> tuple[Value, ...]:
    end = ")" if reader.takes("(") else "]"
    if end == "]":
        reader.needs("[")
    values = [reader.value()]
    while reader.takes(","):
        values.append(reader.value())
    reader.needs(end)
    return tuple(values)


@dataclass(slots=True)
class Expressions:
    """Writes expressions, and keeps the names and values that they stand on."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def path(self, path: Path) -> str:
        text = ""
        for step in path:
            text += f"[{step}]" if isinstance(step, int) else f".{self._name(step)}"
        return text.removeprefix(".")

    def value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def all_of(self, conditions: Sequence[Condition]) -> str:
        return " AND ".join(self.text(each) for each in conditions)

    def text(self, of: Condition) -> str:
        if isinstance(of, Group):
            parts = [f"({self.text(each)})" for each in of.parts]
            return f"NOT {parts[0]}" if of.kind == "NOT" else f" {of.kind} ".join(parts)
        path = f"size({self.path(of.path)})" if of.is_size else self.path(of.path)
        match of.kind:
            case "IS MISSING":
                return f"attribute_not_exists({path})"
            case "IS NOT MISSING":
                return f"attribute_exists({path})"
            case "IS NULL" | "IS NOT NULL":
                is_null = f"attribute_type({path}, {self.value({'S': 'NULL'})})"
                return is_null if of.kind == "IS NULL" else f"NOT {is_null}"
        values = [self.value(each) for each in of.values]
        match of.kind:
            case "BETWEEN":
                return f"{path} BETWEEN {values[0]} AND {values[1]}"
            case "IN":
                return f"{path} IN ({', '.join(values)})"
            case "begins_with" | "contains" | "attribute_type":
                return f"{of.kind}({path}, {values[0]})"
        return f"{path} {of.kind} {values[0]}"

    def members(self) -> dict[str, Any]:
        """The members of a call that explain its expressions; none of those that are empty."""
        given = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {name: value for name, value in given.items() if value}

    def _name(self, name: str) -> str:
        for placeholder, known in self.names.items():
            if known == name:
                return placeholder
        placeholder = f"#n{len(self.names)}"
        self.names[placeholder] = name
        return placeholder
