"""What a warehouse remembers of its work: bad rows of loads, and statements that ran; the system views read it.

It is written in a transaction of its own: a load that fails leaves its reasons, as on Redshift.
Source: Amazon Redshift Database Developer Guide, "STL_LOAD_ERRORS", "SYS_LOAD_ERROR_DETAIL", "SYS_QUERY_HISTORY".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.embedded.engines.warehouse.dialect.catalog import LOAD_ERRORS, QUERIES

_AT_ONCE = 500
"""Rows of one INSERT: one by one they cost twenty times as much."""
_ERROR = ("file", "line", "column", "kind", "raw", "value", "code", "reason")


def note_errors(cursor: Any, query: int, table: str, errors: Sequence[Mapping[str, Any]]) -> None:
    """Write down the bad rows of a load, which was query number `query`."""
    values = [[query, *(each[name] for name in _ERROR), table] for each in errors]
    marks = ", ".join(["(?, now(), ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(values))
    cursor.execute(f"INSERT INTO {LOAD_ERRORS} VALUES {marks}", [each for row in values for each in row])  # noqa: S608


def note_queries(cursor: Any, queries: Sequence[Sequence[Any]]) -> None:
    """Write down statements that ran, with the values of the table's columns."""
    for start in range(0, len(queries), _AT_ONCE):
        rows = queries[start : start + _AT_ONCE]
        marks = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
        cursor.execute(f"INSERT INTO {QUERIES} VALUES {marks}", [each for row in rows for each in row])  # noqa: S608
