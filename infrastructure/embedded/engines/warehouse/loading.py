"""COPY inside a warehouse: files in, rows out, and what is wrong with those that do not come in.

    files ── read as text ──▶ every value tried for its column ──┬─ as many bad rows as MAXERROR allows ──▶ INSERT
                                                                 └─ more ──▶ nothing is loaded, the load fails

Everything is text first, so that a bad value is a bad row, with its line and column, and not the end of the statement.
Source: Amazon Redshift Database Developer Guide, "COPY", "Data conversion parameters", "STL_LOAD_ERRORS".
"""

# ruff: noqa: S608 - all that goes into the SQL here is a quoted name or text, or of this module

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

_MOST_SHOWN = 100
"""Bad rows of one load that are described; the others are counted."""
_RAW = "loaded"
_LINE, _FILE = "line number", "file name"
"""Columns of what was read beside the values; no column of a file is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to load. `names` are by file what S3 calls it; the formats of dates and times are strptime's, `auto` for all
    that DuckDB reads, empty for Redshift's own alone.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    format: str = "text"
    delimiter: str = "|"
    quote: str = '"'
    escape: bool = False
    remove_quotes: bool = False
    skip: int = 0
    null_as: str = "\\N"
    max_error: int = 0
    date_format: str = ""
    time_format: str = ""
    empty_as_null: bool = False
    blanks_as_null: bool = False
    trim_blanks: bool = False
    truncate: bool = False
    fill: bool = False
    ignore_blank_lines: bool = False
    is_dry: bool = False
    paths: Mapping[str, str] = field(default_factory=dict)
    """By column its JSONPath, where it is not the key of the column's name."""

    @property
    def target(self) -> str:
        """The table as SQL names it."""
        return ".".join(map(_name, filter(None, (self.schema, self.table))))

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Plan":
        lists = {name: tuple(given[name]) for name in ("columns", "files")}
        return cls(**{**given, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    kind: str
    length: int = 0
    """Bytes that a text may have; 0: any."""
    is_required: bool = False


def load(cursor: Any, insert: str, plan: Plan) -> dict[str, Any]:
    """Carry `plan` out by `insert` (`INSERT INTO t (a)`): how many rows came in, and which did not, and why.

    When there are more bad ones than the plan allows, `failed` is true and nothing came in.
    """
    columns = _columns(cursor, plan)
    errors = list(_read(cursor, plan, columns))
    bad = _bad_values(cursor, plan, columns, len(errors))
    errors += bad
    count = len({(each["file"], each["line"]) for each in errors})
    if count > plan.max_error:
        return {"failed": True, "changed": 0, "errors": errors[:_MOST_SHOWN]}
    changed = 0
    if not plan.is_dry:
        values = ", ".join(_value(each, plan) for each in columns)
        cursor.execute(
            f"{insert} SELECT {values} FROM {_RAW} WHERE NOT ({_is_bad(columns, plan)}) ORDER BY {_name(_LINE)}"
        )
        changed = int(cursor.fetchone()[0])
    cursor.execute(f"DROP TABLE {_RAW}")
    return {"failed": False, "changed": changed, "errors": errors[:_MOST_SHOWN]}


def _columns(cursor: Any, plan: Plan) -> list[_Column]:
    listed = ", ".join(map(_name, plan.columns)) or "*"
    cursor.execute(f"SELECT {listed} FROM {plan.target} LIMIT 0")
    kinds = [(each[0], str(each[1])) for each in cursor.description]
    cursor.execute(f"DESCRIBE {plan.target}")
    required = {row[0] for row in cursor.fetchall() if row[2] == "NO"}
    lengths = _lengths(cursor, plan)
    return [
        _Column(name=name, kind=kind, is_required=name in required, length=lengths.get(name, 0)) for name, kind in kinds
    ]


def _lengths(cursor: Any, plan: Plan) -> dict[str, int]:
    """Bytes that the texts may have, which stand in the checks that the dialect makes of their types."""
    schema = _text(plan.schema) if plan.schema else "'public'"
    cursor.execute(
        "SELECT constraint_column_names[1], regexp_extract(constraint_text, '<= (\\d+)', 1), constraint_text "
        f"FROM duckdb_constraints() WHERE constraint_type = 'CHECK' AND table_name = {_text(plan.table)} "
        f"AND (schema_name = {schema} OR database_name = 'temp')"
    )
    return {
        name: int(number) // (8 if "bit_length" in text else 1) for name, number, text in cursor.fetchall() if number
    }


# --- reading: all as text ---------------------------------------------------------------------------------------------


def _read(cursor: Any, plan: Plan, columns: Sequence[_Column]) -> Iterator[dict[str, Any]]:
    """Fill the table of what was read; the rows that cannot be told apart into values."""
    if plan.format == "json":
        yield from _read_json(cursor, plan, columns)
    elif plan.format == "parquet":
        values = ", ".join(f"CAST({_name(each.name)} AS VARCHAR) AS {_name(each.name)}" for each in columns)
        _fill(
            cursor, f"SELECT {values}, filename AS {_name(_FILE)} FROM read_parquet({_list(plan.files)}, filename=true)"
        )
    else:
        yield from _read_text(cursor, plan, columns)


def _fill(cursor: Any, select: str, skip: int = 0) -> None:
    numbered = f"row_number() OVER (PARTITION BY {_name(_FILE)}) + {skip} AS {_name(_LINE)}"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {_RAW} AS SELECT *, {numbered} FROM ({select})")


def _read_text(cursor: Any, plan: Plan, columns: Sequence[_Column]) -> Iterator[dict[str, Any]]:
    kinds = ", ".join(f"{_text(each.name)}: 'VARCHAR'" for each in columns)
    quote = plan.quote if plan.format == "csv" or plan.remove_quotes else ""
    escape = "\\" if plan.escape else quote
    cursor.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    _fill(
        cursor,
        f"SELECT * RENAME (filename AS {_name(_FILE)}) FROM read_csv({_list(plan.files)}, auto_detect=false, "
        f"header=false, columns={{{kinds}}}, delim={_text(plan.delimiter)}, quote={_text(quote)}, "
        f"escape={_text(escape)}, skip={plan.skip}, nullstr={_text(plan.null_as)}, "
        f"null_padding={str(plan.fill).lower()}, filename=true, "
        "allow_quoted_nulls=false, strict_mode=true, store_rejects=true, max_line_size=4194304)",
        plan.skip,
    )
    cursor.execute(
        "SELECT s.file_path, e.line, e.column_name, e.error_type, e.csv_line, e.error_message "
        "FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) ORDER BY 1, 2"
    )
    told: set[tuple[str, int]] = set()
    for file, line, column, kind, raw, _words in cursor.fetchall():
        if plan.ignore_blank_lines and not (raw or "").strip():
            continue
        code, reason = _REJECTED.get(str(kind), (1202, "Extra column(s) found"))
        if (file, line) not in told:  # of many things that are wrong with a row the first one counts
            told.add((file, line))
            yield _error(plan, file=file, line=line, column=column or "", raw=raw or "", code=code, reason=reason)


_REJECTED: Mapping[str, tuple[int, str]] = {
    "MISSING COLUMNS": (1201, "Delimiter not found"),
    "TOO MANY COLUMNS": (1202, "Extra column(s) found"),
    "UNQUOTED VALUE": (1214, "Delimited value missing end quote"),
    "LINE SIZE OVER MAXIMUM": (1204, "Input data exceeds the maximum line size of 4 MB"),
    "INVALID ENCODING": (1220, "String contains invalid or unsupported UTF8 codepoints"),
    "INVALID STATE": (1214, "Delimited value missing end quote"),
}


def _read_json(cursor: Any, plan: Plan, columns: Sequence[_Column]) -> Iterator[dict[str, Any]]:
    """Each file holds objects, one after the other; a line that is none is a bad row."""
    values = ", ".join(
        f"json ->> {_text(plan.paths.get(each.name) or '$.' + _key(each.name))} AS {_name(each.name)}"
        for each in columns
    )
    errors = []
    for file in plan.files:
        errors += _without_bad_lines(plan, file)
    _fill(
        cursor,
        f"SELECT {values}, filename AS {_name(_FILE)} FROM read_json({_list(plan.files)}, format='unstructured', "
        "records=false, columns={'json': 'JSON'}, filename=true, compression='none', maximum_object_size=4194304)",
    )
    yield from errors


def _without_bad_lines(plan: Plan, file: str) -> list[dict[str, Any]]:
    """Take what is no JSON out of a file that has an object a line; other files are left as they are."""
    with open(file, "rb") as lines:  # noqa: PTH123 - a path as it came over the wire
        read = lines.readlines()
    bad = {number: line for number, line in enumerate(read, 1) if line.strip() and not _is_object(line)}
    if not bad or len(bad) == sum(bool(line.strip()) for line in read):
        if bad and not _is_object(b"[" + b",".join(read) + b"]") and not _is_pretty(read):
            return [_json_error(plan, file, number, line) for number, line in bad.items()]
        return []
    with open(file, "wb") as lines:  # noqa: PTH123
        lines.writelines(line for number, line in enumerate(read, 1) if number not in bad)
    return [_json_error(plan, file, number, line) for number, line in bad.items()]


def _json_error(plan: Plan, file: str, line: int, raw: bytes) -> dict[str, Any]:
    text = raw.decode("utf-8", "replace").rstrip("\n")
    return _error(plan, file=file, line=line, column="", raw=text, code=1216, reason="Invalid JSON object")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _is_pretty(lines: Sequence[bytes]) -> bool:
    """Whether the lines are objects over several lines each."""
    text, decoder, at = b"".join(lines).decode("utf-8", "replace"), None, 0
    import json

    decoder = json.JSONDecoder()
    try:
        while at < len(text):
            while at < len(text) and text[at].isspace():
                at += 1
            if at < len(text):
                _, at = decoder.raw_decode(text, at)
    except ValueError:
        return False
    return True


# --- values: what is not of its column's type ------------------------------------------------------------------------


def _raw(column: _Column, plan: Plan) -> str:
    """The text of a value, or NULL."""
    text = _name(column.name)
    if plan.trim_blanks and column.kind == "VARCHAR":
        text = f"rtrim({text}, ' ')"
    if column.kind != "VARCHAR":
        return f"nullif(trim({text}), '')"  # an empty field of a number is NULL
    if plan.blanks_as_null:
        text = f"CASE WHEN trim({text}) <> '' OR {text} = '' THEN {text} END"
    if plan.truncate and column.length:
        text = f"left({text}, {column.length})"
    return f"nullif({text}, '')" if plan.empty_as_null else text


def _value(column: _Column, plan: Plan) -> str:
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
        return f"CASE WHEN regexp_full_match({raw}, {_text(_OWN[kind])}) THEN TRY_CAST({raw} AS {kind}) END"
    return f"CAST(try_strptime({raw}, {_text(how)}) AS {kind})"


_INTEGERS = frozenset({"SMALLINT", "INTEGER", "BIGINT"})
_DAY, _TIME = r"\d{4}-\d{1,2}-\d{1,2}", r"( \d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_OWN: Mapping[str, str] = {
    "DATE": _DAY,
    "TIMESTAMP": _DAY + _TIME,
    "TIMESTAMP WITH TIME ZONE": _DAY + _TIME + r"( ?[+-]\d{2}(:?\d{2})?)?",
}
"""What COPY reads when no format is given: YYYY-MM-DD HH:MI:SS, and not ISO 8601's T and Z."""


def _wrong(column: _Column, plan: Plan) -> str:
    if column.kind == "VARCHAR":
        return f"coalesce(strlen({_raw(column, plan)}) > {column.length}, false)" if column.length else "false"
    return f"({_raw(column, plan)}) IS NOT NULL AND ({_value(column, plan)}) IS NULL"


def _missing(column: _Column, plan: Plan) -> str:
    return f"({_raw(column, plan)}) IS NULL" if column.is_required else "false"


def _is_bad(columns: Sequence[_Column], plan: Plan) -> str:
    return " OR ".join(f"({_wrong(each, plan)}) OR ({_missing(each, plan)})" for each in columns)


def _bad_values(cursor: Any, plan: Plan, columns: Sequence[_Column], found: int) -> list[dict[str, Any]]:
    most = max(plan.max_error + 1, _MOST_SHOWN) + found
    tests = ", ".join(f"{test(each, plan)}" for each in columns for test in (_wrong, _missing))
    names = ", ".join(_name(each.name) for each in columns)
    cursor.execute(
        f"SELECT {_name(_FILE)}, {_name(_LINE)}, [{tests}], {names} FROM {_RAW} "
        f"WHERE {_is_bad(columns, plan)} ORDER BY 1, 2 LIMIT {most}"
    )
    return [_bad_value(plan, columns, row) for row in cursor.fetchall()]


def _bad_value(plan: Plan, columns: Sequence[_Column], row: Sequence[Any]) -> dict[str, Any]:
    file, line, tests, *values = row
    first = next(number for number, is_true in enumerate(tests) if is_true)
    column = columns[first // 2]
    code, reason = (1213, "Missing data for not-null field") if first % 2 else _reason(column.kind)
    text = values[first // 2]
    return _error(
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


def _error(
    plan: Plan, *, file: str, line: int, column: str, raw: str, code: int, reason: str, **more: str
) -> dict[str, Any]:
    return {
        "file": plan.names.get(file, file),
        "line": int(line),
        "column": column,
        "kind": more.get("kind", ""),
        "raw": raw[:1024],
        "value": more.get("value", "")[:1024],
        "code": code,
        "reason": reason,
    }


# --- SQL's texts ------------------------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return '"' + name.replace('"', '\\"') + '"'


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"
