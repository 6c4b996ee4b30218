"""The transaction on a database that has Redshift's isolation where it counts: two that change one row collide."""

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot

from services.analytics.domain import read, to_csv
from services.analytics.statements import FENCE, INSERT, SCHEMA, Load, opening
from services.analytics.tests.fakes import paid

LOAD = Load(shard="shardId-000000000000", epoch=5, last="4711", url="s3://bucket/revenue/a.csv", role="default")


class Database:
    """Connections to one database; COPY reads the file in `folder`, whatever its address."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "rows.csv"
        self._database = duckdb.connect(str(folder / "warehouse.db"))
        for statement in (*SCHEMA, opening(LOAD.shard)):
            self.run(self._database, statement)

    def session(self) -> duckdb.DuckDBPyConnection:
        return self._database.cursor()

    def write(self, *numbers: int) -> None:
        sales = [sale for number in numbers if (sale := read(paid(number))) is not None]
        self.file.write_bytes(to_csv(sales))

    def run(self, session: duckdb.DuckDBPyConnection, statement: str) -> int:
        """Its count of rows, 0 without one."""
        if copied := re.match(r"COPY staged \(([^)]*)\) FROM", statement):
            session.execute(f"COPY staged ({copied[1]}) FROM '{self.file}' (FORMAT csv)")
            return 0
        [text] = sqlglot.transpile(
            statement, read="redshift", write="duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE
        )
        found = session.execute(text).fetchone()
        return int(found[0]) if found and isinstance(found[0], int) else 0

    def load(self, load: Load) -> list[int]:
        session = self.session()
        session.begin()
        counts = [self.run(session, statement) for statement in load.statements()]
        session.commit()
        return counts

    def orders(self) -> list[str]:
        return [row[0] for row in self.session().execute("SELECT order_id FROM revenue ORDER BY order_id").fetchall()]

    def place(self) -> tuple[int, str]:
        [row] = self.session().execute("SELECT epoch, sequence_number FROM loads").fetchall()
        return row[0], row[1]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def test_rows_come_with_the_place_they_came_from(database: Database) -> None:
    database.write(1, 2)
    counts = database.load(LOAD)
    assert (counts[FENCE], counts[INSERT]) == (1, 2)
    assert database.orders() == ["order-1", "order-2"]
    assert database.place() == (5, "4711")


def test_what_is_there_is_not_inserted_again(database: Database) -> None:
    database.write(1, 2)
    database.load(LOAD)
    database.write(2, 3)
    assert database.load(LOAD)[INSERT] == 1
    assert database.orders() == ["order-1", "order-2", "order-3"]


def test_an_epoch_that_has_passed_inserts_nothing(database: Database) -> None:
    database.write(1)
    database.load(replace(LOAD, epoch=6))
    database.write(2)
    counts = database.load(LOAD)
    assert (counts[FENCE], counts[INSERT]) == (0, 0)
    assert (database.orders(), database.place()) == (["order-1"], (6, "4711"))


def test_two_loads_of_a_shard_at_once_collide_before_either_inserts(database: Database) -> None:
    database.write(1)
    late, new = database.session(), database.session()
    late.begin()
    counts = [database.run(late, statement) for statement in LOAD.statements()]
    assert counts[INSERT] == 1
    new.begin()
    with pytest.raises(duckdb.TransactionException, match="Conflict"):
        database.run(new, replace(LOAD, epoch=6).statements()[FENCE])
    late.commit()
    new.rollback()
    assert database.load(replace(LOAD, epoch=6))[INSERT] == 0
    assert database.orders() == ["order-1"]


def test_a_load_that_began_before_another_was_done_collides_too(database: Database) -> None:
    database.write(1)
    late = database.session()
    late.begin()
    late.execute("SELECT count(*) FROM revenue").fetchone()
    database.load(replace(LOAD, epoch=6))
    with pytest.raises(duckdb.TransactionException, match="Conflict"):
        database.run(late, replace(LOAD, epoch=7).statements()[FENCE])
    late.rollback()


def test_a_shard_is_opened_once(database: Database) -> None:
    database.run(database.session(), opening(LOAD.shard))
    assert database.place() == (0, "0")


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LOAD, shard="a'; DROP TABLE revenue; --"),
        replace(LOAD, last="latest"),
        replace(LOAD, url="s3://bucket/a'b"),
        replace(LOAD, url="https://bucket/a"),
        replace(LOAD, role="arn:aws:iam::1:role/x"),
    ],
    ids=["shard", "sequence", "address", "scheme", "role"],
)
def test_nothing_unchecked_comes_into_a_statement(wrong: Load) -> None:
    with pytest.raises(ValueError, match="does not belong into a statement"):
        wrong.statements()
