"""Texts as values of their columns' types: the SQL that makes them, and what is wrong with those that are none.

Source: Amazon Redshift Database Developer Guide, "Data conversion parameters", "STL_LOAD_ERRORS".
"""

# ruff: noqa: S608 - all that goes into the SQL here is a quoted name or text, or of this package

from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.embedded.engines.warehouse.loading.plan import (
    FILE,
    LINE,
    MOST_SHOWN,
    RAW,
    Column,
    Plan,
    bad_row,
    literal,
    quoted,
)


def _raw(column: Column, plan: Plan) -> str:
    """The text of a value, or NULL."""
    text = quoted(column.name)
    if plan.trim_blanks and column.kind == "VARCHAR":
        text = f"rtrim({text}, ' ')"
    if column.kind != "VARCHAR":
        return f"nullif(trim({text}), '')"  # an empty field of a number is NULL
    if plan.blanks_as_null:
        text = f"CASE WHEN trim({text}) <> '' OR {text} = '' THEN {text} END"
    if plan.truncate and column.length:
        text = f"left({text}, {column.length})"
    return f"nullif({text}, '')" if plan.empty_as_null else text


def value_of(column: Column, plan: Plan) -> str:
    """SQL for the value of a column; NULL where its text is none."""
    raw, kind = _raw(column, plan), column.kind
    if kind == "VARCHAR":
        return raw
    if kind == "DATE":
        return _moment(raw, kind, plan.date_format)
    if kind.startswith("TIMESTAMP"):
        return _moment(raw, kind, plan.time_format)
    if kind in _INTEGERS:
        return f"CASE WHEN regexp_full_match({raw}, '[+-]?\\d+') THEN TRY_CAST({raw} AS {kind}) END"
    if kind.startswith("DECIMAL"):  # digits that are too many are cut off, not rounded
        scale = int(kind.rstrip(")").partition(",")[2] or 0)
        return f"TRY_CAST(regexp_replace({raw}, '^([+-]?\\d*\\.\\d{{{scale}}})\\d+$', '\\1') AS {kind})"
    return f"TRY_CAST({raw} AS {kind})"


def _moment(raw: str, kind: str, how: str) -> str:
    if how in ("epochsecs", "epochmillisecs"):
        unit = 1_000_000 if how == "epochsecs" else 1000
        return f"CAST(make_timestamp(CAST(TRY_CAST({raw} AS DECIMAL(20, 6)) * {unit} AS BIGINT)) AS {kind})"
    if how == "auto":
        return f"TRY_CAST({raw} AS {kind})"
    if not how:
        return f"CASE WHEN regexp_full_match({raw}, {literal(_OWN[kind])}) THEN TRY_CAST({raw} AS {kind}) END"
    return f"CAST(try_strptime({raw}, {literal(how)}) AS {kind})"


_INTEGERS = frozenset({"SMALLINT", "INTEGER", "BIGINT"})
_DAY, _TIME = r"\d{4}-\d{1,2}-\d{1,2}", r"( \d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_OWN: Mapping[str, str] = {
    "DATE": _DAY,
    "TIMESTAMP": _DAY + _TIME,
    "TIMESTAMP WITH TIME ZONE": _DAY + _TIME + r"( ?[+-]\d{2}(:?\d{2})?)?",
}
"""What COPY reads when no format is given: YYYY-MM-DD HH:MI:SS, and not ISO 8601's T and Z."""


def _wrong(column: Column, plan: Plan) -> str:
    if column.kind == "VARCHAR":
        return f"coalesce(strlen({_raw(column, plan)}) > {column.length}, false)" if column.length else "false"
    return f"({_raw(column, plan)}) IS NOT NULL AND ({value_of(column, plan)}) IS NULL"


def _missing(column: Column, plan: Plan) -> str:
    return f"({_raw(column, plan)}) IS NULL" if column.is_required else "false"


def is_bad(columns: Sequence[Column], plan: Plan) -> str:
    """SQL for whether a row has a value that its column does not take."""
    return " OR ".join(f"({_wrong(each, plan)}) OR ({_missing(each, plan)})" for each in columns)


def bad_values(cursor: Any, plan: Plan, columns: Sequence[Column], found: int) -> list[dict[str, Any]]:
    """The bad rows among those that were read, `found` of which were bad before; as many as decide the load."""
    most = max(plan.max_error + 1, MOST_SHOWN) + found
    tests = ", ".join(f"{test(each, plan)}" for each in columns for test in (_wrong, _missing))
    names = ", ".join(quoted(each.name) for each in columns)
    cursor.execute(
        f"SELECT {quoted(FILE)}, {quoted(LINE)}, [{tests}], {names} FROM {RAW} "
        f"WHERE {is_bad(columns, plan)} ORDER BY 1, 2 LIMIT {most}"
    )
    return [_badvalue_of(plan, columns, row) for row in cursor.fetchall()]


def _badvalue_of(plan: Plan, columns: Sequence[Column], row: Sequence[Any]) -> dict[str, Any]:
    file, line, tests, *values = row
    first = next(number for number, is_true in enumerate(tests) if is_true)
    column = columns[first // 2]
    code, reason = (1213, "Missing data for not-null field") if first % 2 else _reason(column.kind)
    text = values[first // 2]
    return bad_row(
        plan,
        file=file,
        line=line,
        column=column.name,
        raw=plan.delimiter.join("" if value is None else str(value) for value in values),
        code=code,
        reason=reason,
        kind=column.kind.lower(),
        value="" if text is None else str(text),
    )


def _reason(kind: str) -> tuple[int, str]:
    if kind == "VARCHAR":
        return 1204, "String length exceeds DDL length"
    if kind == "DATE":
        return 1205, "Invalid date format or value"
    if kind.startswith("TIMESTAMP"):
        return 1206, "Invalid timestamp format or value"
    if kind == "BOOLEAN":
        return 1210, "Unknown boolean format"
    return 1207, "Invalid digit, Value, Pos 0, Type: " + kind.capitalize()
