"""What a warehouse remembers of its work: bad rows of loads, and statements that ran; the system views read it.

It is written in a transaction of its own: a load that fails leaves its reasons, as on Redshift.
Source: Amazon Redshift Database Developer Guide, "STL_LOAD_ERRORS", "SYS_LOAD_ERROR_DETAIL", "SYS_QUERY_HISTORY".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL

_LOAD_ERRORS = f"{INTERNAL}.load_errors"
_QUERIES = f"{INTERNAL}.queries"

SETUP = (
    f"CREATE SCHEMA IF NOT EXISTS {INTERNAL}",
    f"""CREATE TABLE IF NOT EXISTS {_LOAD_ERRORS} (query_id BIGINT, noted_at TIMESTAMP, file_name VARCHAR,
        line_number BIGINT, column_name VARCHAR, column_type VARCHAR, raw_line VARCHAR,
        raw_value VARCHAR, code INTEGER, reason VARCHAR, table_name VARCHAR)""",
    f"""CREATE TABLE IF NOT EXISTS {_QUERIES} (query_id BIGINT, session_id INTEGER, database_name VARCHAR,
        user_name VARCHAR, query_type VARCHAR, status VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP,
        queue_time BIGINT, execution_time BIGINT, returned_rows BIGINT, error_message VARCHAR, query_text VARCHAR)""",
)
"""Run once per open file, before the views over these tables are made. Each may run again."""

_ERROR = ("file", "line", "column", "kind", "raw", "value", "code", "reason")


def note_errors(cursor: Any, query: int, table: str, errors: Sequence[Mapping[str, Any]]) -> None:
    """Write down the bad rows of a load, which was query number `query`."""
    values = [[query, *(each[name] for name in _ERROR), table] for each in errors]
    marks = ", ".join(["(?, now(), ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(values))
    cursor.execute(f"INSERT INTO {_LOAD_ERRORS} VALUES {marks}", [each for row in values for each in row])  # noqa: S608


def note_queries(cursor: Any, queries: Iterable[Sequence[Any]]) -> None:
    """Write down statements that ran, with the values of the table's columns."""
    rows = list(queries)
    marks = ", ".join([f"({', '.join('?' * 13)})"] * len(rows))
    cursor.execute(f"INSERT INTO {_QUERIES} VALUES {marks}", [each for row in rows for each in row])  # noqa: S608
