"""Files as a table of texts, a row each; what cannot be told apart into values is a bad row.

Source: Amazon Redshift Database Developer Guide, "Data format parameters", "Load error reference".
"""

# ruff: noqa: S608 - all that goes into the SQL here is a quoted name or text, or of this package

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from infrastructure.embedded.engines.warehouse.loading.plan import (
    FILE,
    LINE,
    RAW,
    Column,
    Plan,
    bad_row,
    json_key,
    literal,
    literals,
    quoted,
)


def read(cursor: Any, plan: Plan, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Fill the table of what was read; the rows that cannot be told apart into values."""
    if plan.format == "json":
        yield from _read_json(cursor, plan, columns)
    elif plan.format == "parquet":
        values = ", ".join(f"CAST({quoted(each.name)} AS VARCHAR) AS {quoted(each.name)}" for each in columns)
        _fill(
            cursor,
            f"SELECT {values}, filename AS {quoted(FILE)} FROM read_parquet({literals(plan.files)}, filename=true)",
        )
    else:
        yield from _readtext(cursor, plan, columns)


def _fill(cursor: Any, select: str, skip: int = 0) -> None:
    numbered = f"row_number() OVER (PARTITION BY {quoted(FILE)}) + {skip} AS {quoted(LINE)}"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {RAW} AS SELECT *, {numbered} FROM ({select})")


def _readtext(cursor: Any, plan: Plan, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    kinds = ", ".join(f"{literal(each.name)}: 'VARCHAR'" for each in columns)
    quote = plan.quote if plan.format == "csv" or plan.remove_quotes else ""
    escape = "\\" if plan.escape else quote
    cursor.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    _fill(
        cursor,
        f"SELECT * RENAME (filename AS {quoted(FILE)}) FROM read_csv({literals(plan.files)}, auto_detect=false, "
        f"header=false, columns={{{kinds}}}, delim={literal(plan.delimiter)}, quote={literal(quote)}, "
        f"escape={literal(escape)}, skip={plan.skip}, nullstr={literal(plan.null_as)}, "
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
            yield bad_row(plan, file=file, line=line, column=column or "", raw=raw or "", code=code, reason=reason)


_REJECTED: Mapping[str, tuple[int, str]] = {
    "MISSING COLUMNS": (1201, "Delimiter not found"),
    "TOO MANY COLUMNS": (1202, "Extra column(s) found"),
    "UNQUOTED VALUE": (1214, "Delimited value missing end quote"),
    "LINE SIZE OVER MAXIMUM": (1204, "Input data exceeds the maximum line size of 4 MB"),
    "INVALID ENCODING": (1220, "String contains invalid or unsupported UTF8 codepoints"),
    "INVALID STATE": (1214, "Delimited value missing end quote"),
}


def _read_json(cursor: Any, plan: Plan, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """Each file holds objects, one after the other; a line that is none is a bad row, unless objects have several."""
    values = ", ".join(
        f"json ->> {literal(plan.paths.get(each.name) or '$.' + json_key(each.name))} AS {quoted(each.name)}"
        for each in columns
    )
    errors = [error for file in plan.files for error in _without_bad_lines(plan, Path(file))]
    _fill(
        cursor,
        f"SELECT {values}, filename AS {quoted(FILE)} FROM read_json({literals(plan.files)}, format='unstructured', "
        "records=false, columns={'json': 'JSON'}, filename=true, compression='none', maximum_object_size=4194304)",
    )
    yield from errors


def _without_bad_lines(plan: Plan, file: Path) -> list[dict[str, Any]]:
    """Take the lines that are no objects out of a file, and tell of them."""
    lines = file.read_bytes().splitlines(keepends=True)
    bad = {number: line for number, line in enumerate(lines, 1) if line.strip() and not _is_object(line)}
    if not bad or _is_stream(b"".join(lines)):
        return []
    file.write_bytes(b"".join(line for number, line in enumerate(lines, 1) if number not in bad))
    return [
        bad_row(
            plan,
            file=str(file),
            line=number,
            column="",
            raw=line.decode("utf-8", "replace").rstrip("\n"),
            code=1216,
            reason="Invalid JSON object",
        )
        for number, line in bad.items()
    ]


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _is_stream(content: bytes) -> bool:
    """Whether it is objects and nothing else, over however many lines."""
    rest, decoder = content.decode("utf-8", "replace").lstrip(), json.JSONDecoder()
    try:
        while rest:
            found, end = decoder.raw_decode(rest)
            if not isinstance(found, dict):
                return False
            rest = rest[end:].lstrip()
    except ValueError:
        return False
    return True
