"""Transactions, maintenance, SET and SHOW."""

import pytest

from infrastructure.embedded.engines.warehouse.dialect import DialectError, Kind, translate
from infrastructure.embedded.engines.warehouse.dialect.tests.conftest import Refused, Warehouse

KINDS: dict[str, tuple[Kind, bool]] = {
    "SELECT 1": ("query", True),
    "(SELECT 1) UNION (SELECT 2)": ("query", True),
    "WITH a AS (SELECT 1) SELECT * FROM a": ("query", True),
    "INSERT INTO t VALUES (1)": ("dml", False),
    "UPDATE t SET a = 1": ("dml", False),
    "DELETE FROM t": ("dml", False),
    "CREATE TABLE t (a INT)": ("ddl", False),
    "CREATE OR REPLACE VIEW v AS SELECT 1": ("ddl", False),
    "DROP TABLE IF EXISTS t CASCADE": ("ddl", False),
    "TRUNCATE TABLE t": ("ddl", False),
    "COMMENT ON TABLE t IS 'x'": ("ddl", False),
    "BEGIN": ("transaction", False),
    "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ WRITE": ("transaction", False),
    "COMMIT WORK": ("transaction", False),
    "END TRANSACTION": ("transaction", False),
    "ABORT": ("transaction", False),
    "VACUUM": ("nothing", False),
    "VACUUM DELETE ONLY t TO 75 PERCENT": ("nothing", False),
    "ANALYZE VERBOSE t (a, b)": ("nothing", False),
    "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a)": ("nothing", False),
    "SET query_group TO 'reports'": ("nothing", False),
    "RESET query_group": ("nothing", False),
    "SHOW search_path": ("show", True),
    "SHOW TABLES FROM SCHEMA dev.public": ("show", True),
}


@pytest.mark.parametrize(("sql", "kind"), KINDS.items(), ids=KINDS.keys())
def test_a_statement_is_of_its_kind(sql: str, kind: tuple[Kind, bool]) -> None:
    (statement,) = translate(sql)
    assert kind == (statement.kind, statement.has_result)


def test_a_text_is_cut_at_its_semicolons_only() -> None:
    statements = translate("SELECT ';' AS a; -- one; two\n/* three; */ COMMIT;;")
    assert [statement.kind for statement in statements] == ["query", "transaction"]
    assert translate(" -- nothing\n;") == ()


def test_maintenance_of_a_table_that_is_not_there_fails(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (a INT)")
    warehouse.ask("VACUUM FULL t; ANALYZE t (a)")
    with pytest.raises(Refused, match='relation "nope" does not exist'):
        warehouse.ask("VACUUM nope")
    with pytest.raises(Refused, match='column "b" does not exist'):
        warehouse.ask("ANALYZE t (b)")


@pytest.mark.parametrize(
    "statement", ["GRANT SELECT ON t TO PUBLIC", "LOCK t", "EXPLAIN SELECT 1", "SET statement_timeout TO 1", "CALL p()"]
)
def test_what_is_not_answered_says_so(statement: str) -> None:
    with pytest.raises(DialectError, match="not answered by the embedded warehouse"):
        translate(statement)


@pytest.mark.parametrize(
    "statement", ["BEGIN nonsense", "COMMIT t", "VACUUM t u", "SHOW", "SET x", "START", "ANALYZE 1"]
)
def test_a_command_with_words_left_over_or_missing_is_a_syntax_error(statement: str) -> None:
    with pytest.raises(DialectError, match="syntax error at"):
        translate(statement)


def test_an_unknown_parameter_is_not_shown() -> None:
    with pytest.raises(DialectError, match='unrecognized configuration parameter "nope"'):
        translate("SHOW nope")
