"""A DuckDB set up as the engine sets it up, asked in Redshift's dialect."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from infrastructure.embedded.engines.warehouse.dialect import (
    LOCKED_SETTINGS,
    SESSION_SETUP,
    SETUP,
    DialectError,
    in_redshifts_words,
    translate,
)


class Refused(Exception):
    """What Redshift would say."""


class Warehouse:
    """Runs statements; `ask` gives the rows of the last one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.columns: list[str] = []

    def ask(self, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        try:
            for statement in translate(sql):
                if statement.sql and statement.load is None:
                    result = self._connection.execute(statement.sql, parameters or None)
                    rows = result.fetchall()
                    self.columns = [column[0] for column in result.description]
        except DialectError as refusal:
            raise Refused(str(refusal)) from refusal
        except duckdb.Error as failure:
            raise Refused(in_redshifts_words(str(failure))) from failure
        return rows

    def value(self, expression: str, **parameters: str) -> Any:
        ((value,),) = self.ask(f"SELECT {expression}", **parameters)
        return value

    def directly(self, sql: str) -> list[tuple[Any, ...]]:
        """In DuckDB's own words, past the dialect."""
        return self._connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in (*SETUP, *(f"SET {name} = {value}" for name, value in LOCKED_SETTINGS)):
            connection.execute(statement)
        yield connection


@pytest.fixture
def warehouse(database: duckdb.DuckDBPyConnection) -> Iterator[Warehouse]:
    """A session of its own, in which there is no table yet."""
    with database.cursor() as session:
        for statement in SESSION_SETUP:
            session.execute(statement)
        yield Warehouse(session)
    for schema in ("public", "other"):
        database.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    database.execute("CREATE SCHEMA public")
