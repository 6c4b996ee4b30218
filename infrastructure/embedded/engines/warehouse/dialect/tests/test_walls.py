"""No statement reaches a file, the network, an extension or a setting: the dialect and the settings both refuse it."""
# ruff: noqa: S608  # the texts are the tests' own

import duckdb
import pytest

from infrastructure.embedded.engines.warehouse.dialect import LOCKED_SETTINGS, DialectError, translate
from infrastructure.embedded.engines.warehouse.dialect.calls import REBUILT
from infrastructure.embedded.engines.warehouse.dialect.functions import PARSED, PARSED_SPECIALLY, RENAMED
from infrastructure.embedded.engines.warehouse.dialect.macros import MACRO_NAMES
from infrastructure.embedded.engines.warehouse.dialect.tests.conftest import Warehouse

REFUSED = (
    "ATTACH '/tmp/other.db'",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA version",
    "CHECKPOINT",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "CALL pragma_version()",
    "DESCRIBE t",
    "SUMMARIZE t",
    "FROM t",
    "CREATE SECRET s (TYPE s3)",
    "CREATE MACRO f(x) AS x",
    "CREATE TYPE t AS ENUM ('a')",
    "CREATE SEQUENCE s",
    "CREATE INDEX i ON t (a)",
    "SET threads TO 1",
    "SET enable_external_access = true",
    "SET GLOBAL threads = 1",
    "SET SESSION home_directory = '/'",
    "SET VARIABLE a = 1",
    "RESET threads",
    "COPY t TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "COPY t FROM '/etc/passwd' IAM_ROLE default",
    "COPY t FROM 'https://example.com/x' IAM_ROLE default",
    "COPY t FROM PROGRAM 'id'",
    "UNLOAD ('SELECT 1') TO '/tmp/x' IAM_ROLE default",
    "UNLOAD ('DELETE FROM t') TO 's3://b/p' IAM_ROLE default",
    "UNLOAD ('SELECT read_text(''/etc/passwd'')') TO 's3://b/p' IAM_ROLE default",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_parquet(['/tmp/*'])",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    'SELECT * FROM "data.parquet"',
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT * FROM pg_settings",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('t')",
    "SELECT * FROM system.main.duckdb_tables",
    "SELECT * FROM main.t",
    'SELECT * FROM pg_internal."pg_catalog.svv_tables"',
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT current_setting('threads')",
    "SELECT pg_internal.json_path([])",
    "SELECT json_path('a')",
    "SELECT system.main.getenv('HOME')",
    "SELECT (SELECT content FROM read_blob('/etc/passwd'))",
    "SELECT nextval('t_identity')",
    "SELECT TO_CHAR(read_text('/etc/passwd'), '99')",
    "INSERT INTO pg_internal.t VALUES (1)",
    "DELETE FROM svv_tables",
    "UPDATE pg_catalog.pg_user SET usename = 'x'",
    "ALTER TABLE svv_tables RENAME TO x",
    "CREATE VIEW svv_tables AS SELECT 1 AS n",
    "CREATE TABLE main.t (a INT)",
    "DROP SCHEMA pg_internal CASCADE",
    "VACUUM pg_internal.t",
    "CREATE TABLE t AS SELECT * FROM read_csv('/etc/passwd')",
    "CREATE TABLE t (a INT DEFAULT getenv('HOME'))",
    "CREATE TABLE t (a INT CHECK (getenv('HOME') = 'x'))",
    "CREATE TABLE t (a INT) USING (x)",
    'SELECT EXTRACT("year FROM now()), getenv(1), (1" FROM SYSDATE)',
    """SELECT DATEADD("day, now()); SELECT getenv('x'); --", 1, SYSDATE)""",
    'SELECT CAST(1 AS VARCHAR("5)); SELECT (1"))',
)


@pytest.mark.parametrize("statement", REFUSED)
def test_the_dialect_refuses(statement: str) -> None:
    with pytest.raises(DialectError):
        translate(statement)


def test_of_all_functions_of_duckdbs_only_redshifts_get_through(warehouse: Warehouse) -> None:
    found = warehouse.directly("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name ~ '\\w+'")
    names = {name for (name,) in found if name.isidentifier()}
    assert len(names) > 1000
    through = {
        name.upper()
        for name in names
        if any(_is_translated(form) for form in (f"SELECT {name}('x')", f"SELECT \"{name}\"('x')"))
    }
    assert through <= PARSED | PARSED_SPECIALLY | set(RENAMED) | MACRO_NAMES | REBUILT


def test_no_table_function_of_duckdbs_gets_through(warehouse: Warehouse) -> None:
    found = warehouse.directly("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'")
    names = {name for (name,) in found if name.isidentifier()} - {"unnest"}
    assert "read_csv" in names
    assert not {name for name in names if _is_translated(f"SELECT * FROM {name}('/etc/passwd')")}


def _is_translated(statement: str) -> bool:
    try:
        translate(statement)
    except DialectError:
        return False
    return True


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/never-written.csv'",
        "ATTACH '/tmp/never-made.db'",
        "INSTALL httpfs",
        "LOAD '/tmp/x.duckdb_extension'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET threads = 1",
        "PRAGMA threads = 1",
        "RESET threads",
    ],
)
def test_the_settings_refuse_what_gets_past_the_dialect(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises(duckdb.Error):
        warehouse.directly(statement)


def test_the_lock_is_turned_last() -> None:
    assert LOCKED_SETTINGS[-1] == ("GLOBAL lock_configuration", "true")


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE t; --",
        r"\'; DROP TABLE t; --",
        '"; DROP TABLE t; --',
        "$$; DROP TABLE t",
        "/* ",
        "-- ",
        "\\",
        "é\n\t%",
    ],
)
def test_a_literal_stays_a_literal(warehouse: Warehouse, value: str) -> None:
    literal = value.replace("\\", "\\\\").replace("'", "''")
    assert value == warehouse.value(f"'{literal}'")
    name = value.replace('"', '""').replace("/", "")
    warehouse.ask(f'SELECT 1 AS "{name}"')
    assert [value.replace("/", "").lower()] == warehouse.columns


def test_a_picture_stays_a_picture(warehouse: Warehouse) -> None:
    assert (
        warehouse.value("""TO_CHAR(DATE '2020-01-01', 'YYYY"''); DROP TABLE t; --"')""") == "2020'); DROP TABLE t; --"
    )
