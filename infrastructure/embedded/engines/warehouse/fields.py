"""A result as the Data API has it: Redshift's types, and each value as the member of `Field` that its type has.

    DuckDB type ──▶ Column (name, type, precision, scale, length)
    value       ──▶ {"longValue": 1} | {"stringValue": "2026-01-01"} | … | {"isNull": true}

Source: Amazon Redshift Data API, "Data types when calling the Data API".
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from typing import Any

_TYPES: Mapping[str, tuple[str, int, int, int]] = {
    "boolean": ("bool", 1, 0, 0),
    "tinyint": ("int2", 5, 0, 0),
    "smallint": ("int2", 5, 0, 0),
    "utinyint": ("int2", 5, 0, 0),
    "integer": ("int4", 10, 0, 0),
    "usmallint": ("int4", 10, 0, 0),
    "bigint": ("int8", 19, 0, 0),
    "uinteger": ("int8", 19, 0, 0),
    "hugeint": ("numeric", 38, 0, 0),
    "uhugeint": ("numeric", 38, 0, 0),
    "ubigint": ("numeric", 38, 0, 0),
    "float": ("float4", 8, 8, 0),
    "double": ("float8", 17, 17, 0),
    "date": ("date", 13, 0, 0),
    "time": ("time", 15, 6, 0),
    "timestamp": ("timestamp", 29, 6, 0),
    "timestamp_s": ("timestamp", 29, 6, 0),
    "timestamp_ms": ("timestamp", 29, 6, 0),
    "timestamp_ns": ("timestamp", 29, 6, 0),
    "timestamp with time zone": ("timestamptz", 35, 6, 0),
    "interval": ("interval", 49, 6, 0),
    "blob": ("varbyte", 0, 0, 64000),
    "list": ("super", 0, 0, 0),
    "struct": ("super", 0, 0, 0),
    "map": ("super", 0, 0, 0),
    "json": ("super", 0, 0, 0),
}
"""Redshift's name, precision, scale and length; what is not here is a text."""
_TEXT = ("varchar", 0, 0, 65535)
_SIGNED = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
_NUMBERS: Mapping[str, str] = {
    "bool": "booleanValue",
    "int2": "longValue",
    "int4": "longValue",
    "int8": "longValue",
    "float4": "doubleValue",
    "float8": "doubleValue",
}
NULL: Mapping[str, bool] = {"isNull": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result. `type` is Redshift's name of it."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0
    length: int = 0

    def described(self) -> dict[str, Any]:
        """As `ColumnMetadata`."""
        return {
            "isCaseSensitive": self.type in ("varchar", "super"),
            "isCurrency": False,
            "isSigned": self.type in _SIGNED,
            "label": self.name,
            "length": self.length,
            "name": self.name,
            "nullable": 1,
            "precision": self.precision,
            "scale": self.scale,
            "schemaName": "",
            "tableName": "",
            "typeName": self.type,
        }

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def column(name: str, kind: Any) -> Column:
    """The column called `name` of a DuckDB type."""
    if kind.id == "decimal":
        precision, scale = (int(number) for _, number in kind.children)
        return Column(name=name, type="numeric", precision=precision, scale=scale)
    known, precision, scale, length = _TYPES.get(kind.id, _TEXT)
    return Column(name=name, type=known, precision=precision, scale=scale, length=length)


def encoders(columns: Sequence[Column]) -> list[Callable[[Any], Mapping[str, Any]]]:
    """By column what makes a `Field` of a value."""
    return [partial(_field, _NUMBERS.get(each.type, "stringValue"), each.scale) for each in columns]


def _field(member: str, scale: int, value: Any) -> Mapping[str, Any]:
    if value is None:
        return NULL
    return {member: value if member != "stringValue" else text(value, scale)}


def text(value: Any, scale: int = 0) -> str:
    """A value as Redshift writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:.{scale}f}"
    if isinstance(value, dt.datetime):
        return _moment(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _moment(value: dt.datetime) -> str:
    """`2026-01-01 10:00:00`, `2026-01-01 10:00:00.25+00`."""
    shown = value.replace(tzinfo=None).isoformat(" ")
    if value.microsecond:
        shown = shown.rstrip("0")
    return f"{shown}+00" if value.tzinfo else shown
