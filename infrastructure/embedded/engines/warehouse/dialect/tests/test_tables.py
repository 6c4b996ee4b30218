"""Tables: what is left out, what is enforced, and what the catalogue says of them."""
# ruff: noqa: S608  # the texts are the tests' own

import pytest

from infrastructure.embedded.engines.warehouse.dialect.tests.conftest import Refused, Warehouse

REVENUE = """
    CREATE TABLE IF NOT EXISTS revenue (
        id BIGINT IDENTITY(1, 1),
        order_id CHAR(4) NOT NULL ENCODE zstd DISTKEY,
        store VARCHAR(5) ENCODE lzo REFERENCES stores (id),
        amount DECIMAL(10, 2) DEFAULT 0 ENCODE az64,
        at TIMESTAMP SORTKEY,
        PRIMARY KEY (order_id), UNIQUE (store)
    ) BACKUP NO DISTSTYLE KEY"""


@pytest.mark.parametrize(
    "attributes",
    [
        "DISTSTYLE ALL",
        "DISTSTYLE KEY DISTKEY (n)",
        "SORTKEY (n)",
        "COMPOUND SORTKEY (n, m)",
        "INTERLEAVED SORTKEY (n)",
        "BACKUP NO",
    ],
)
def test_where_rows_lie_is_left_out(warehouse: Warehouse, attributes: str) -> None:
    warehouse.ask(f"CREATE TABLE t (n INT, m INT) {attributes}")
    warehouse.ask(f"CREATE TABLE u {attributes} AS SELECT 1 AS n, 2 AS m")
    assert warehouse.ask("SELECT n FROM t") == []


def test_keys_are_information_only_and_let_doubles_in(warehouse: Warehouse) -> None:
    warehouse.ask(REVENUE)
    warehouse.ask("INSERT INTO revenue (order_id, store) VALUES ('o1', 's'), ('o1', 's')")
    assert warehouse.ask("SELECT id, order_id, amount FROM revenue ORDER BY id") == [(1, "o1", 0), (2, "o1", 0)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("'abcde', 's'", "Value too long for character type"),
        ("'o', 'ééé'", "Value too long for character type"),
        ("NULL, 's'", "Cannot insert a NULL value into column order_id"),
    ],
    ids=["char", "bytes-not-characters", "null-in-a-key"],
)
def test_a_value_that_does_not_fit_is_refused(warehouse: Warehouse, values: str, words: str) -> None:
    warehouse.ask(REVENUE)
    with pytest.raises(Refused, match=words):
        warehouse.ask(f"INSERT INTO revenue (order_id, store) VALUES ({values})")


def test_varchar_without_length_holds_256_bytes(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (v VARCHAR)")
    warehouse.ask("INSERT INTO t VALUES (REPEAT('x', 256))")
    with pytest.raises(Refused, match="Value too long"):
        warehouse.ask("INSERT INTO t VALUES (REPEAT('x', 257))")


def test_identity_begins_anew_with_the_table(warehouse: Warehouse) -> None:
    for start in (1, 10):
        warehouse.ask(f"CREATE TABLE t (id INT IDENTITY({start}, 5), v INT)")
        warehouse.ask("INSERT INTO t (v) VALUES (0), (0)")
        assert [(start,), (start + 5,)] == warehouse.ask("SELECT id FROM t ORDER BY id")
        warehouse.ask("DROP TABLE t")


def test_like_and_temporary_tables(warehouse: Warehouse) -> None:
    warehouse.ask(REVENUE)
    warehouse.ask("CREATE TEMP TABLE staging (LIKE revenue)")
    warehouse.ask("CREATE TABLE #hashed (LIKE revenue INCLUDING DEFAULTS)")
    warehouse.ask("INSERT INTO staging (order_id) VALUES ('o1')")
    warehouse.ask(
        "BEGIN; DELETE FROM revenue USING staging WHERE revenue.order_id = staging.order_id;"
        "INSERT INTO revenue (order_id) SELECT order_id FROM staging; END"
    )
    assert warehouse.ask("SELECT order_id FROM revenue") == [("o1",)]
    kinds = warehouse.ask("SELECT table_name, table_type FROM svv_tables ORDER BY 1")
    assert kinds == [("#hashed", "LOCAL TEMPORARY"), ("revenue", "BASE TABLE"), ("staging", "LOCAL TEMPORARY")]


def test_a_table_can_be_altered(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (a INT)")
    warehouse.ask("INSERT INTO t VALUES (1)")
    warehouse.ask("ALTER TABLE t ADD COLUMN b VARCHAR(9) DEFAULT 'x' ENCODE zstd")
    warehouse.ask("ALTER TABLE t RENAME COLUMN a TO c; ALTER TABLE t RENAME TO u; ALTER TABLE u ADD PRIMARY KEY (c)")
    assert warehouse.ask("SELECT c, b FROM u") == [(1, "x")]
    warehouse.ask("ALTER TABLE u DROP COLUMN b; TRUNCATE u")
    assert warehouse.ask("SELECT * FROM u") == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE t (a INT)", 'Relation "t" already exists'),
        ("CREATE TABLE u (a INT, A INT)", 'column "a" duplicated'),
        ("CREATE TABLE u (a INT IDENTITY(1,1), b INT IDENTITY(1,1))", "multiple identity columns"),
        ("CREATE TABLE u (a GEOMETRY)", "type geometry"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "not answered by the embedded warehouse"),
        (
            "CREATE FUNCTION f() RETURNS int STABLE AS $$ SELECT 1 $$ LANGUAGE sql",
            "not answered by the embedded warehouse",
        ),
        ("CREATE DATABASE d", "not answered by the embedded warehouse"),
        ("ALTER TABLE t ALTER COLUMN a TYPE VARCHAR(20)", "not answered by the embedded warehouse"),
        ("ALTER TABLE t APPEND FROM u", "not answered by the embedded warehouse"),
        ("ALTER TABLE t ADD COLUMN b INT NOT NULL", "must have a non-null default"),
        ("DROP TABLE nope", "nope"),
        ("CREATE SCHEMA pg_internal", 'unacceptable schema name "pg_internal"'),
        ("DROP VIEW svv_tables", 'permission denied: "svv_tables" is a system catalog'),
    ],
    ids=lambda value: value[:40],
)
def test_a_definition_is_refused(warehouse: Warehouse, statement: str, words: str) -> None:
    warehouse.ask("CREATE TABLE t (a INT)")
    with pytest.raises(Refused) as refusal:
        warehouse.ask(statement)
    assert words in str(refusal.value)


def test_schemas_hold_tables_of_their_own(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE SCHEMA IF NOT EXISTS other; CREATE TABLE other.t (id INT IDENTITY(3, 1), v INT)")
    warehouse.ask("INSERT INTO other.t (v) VALUES (1)")
    assert warehouse.ask("SELECT * FROM other.t") == [(3, 1)]
    warehouse.ask("SET search_path TO other")
    assert warehouse.ask("SELECT id FROM t") == [(3,)]
    warehouse.ask("DROP TABLE other.t; DROP SCHEMA other")


def test_the_catalogue_describes_a_table_in_redshifts_types(warehouse: Warehouse) -> None:
    warehouse.ask(REVENUE)
    found = warehouse.ask('SELECT "column", type, "notnull" FROM pg_table_def WHERE tablename = \'revenue\'')
    assert found == [
        ("id", "bigint", True),
        ("order_id", "character(4)", True),
        ("store", "character varying(5)", False),
        ("amount", "numeric(10,2)", False),
        ("at", "timestamp without time zone", False),
    ]


def test_the_catalogue_hides_what_is_ours(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (a VARCHAR(7)); CREATE VIEW v AS SELECT a FROM t")
    assert warehouse.ask("SELECT table_name, table_type FROM information_schema.tables ORDER BY 1") == [
        ("t", "BASE TABLE"),
        ("v", "VIEW"),
    ]
    assert warehouse.ask(
        "SELECT table_name, character_maximum_length FROM SVV_Columns WHERE column_name = 'a' ORDER BY table_name"
    ) == [("t", 7), ("v", 65535)]
    assert warehouse.ask("SELECT schema_name FROM svv_all_schemas WHERE schema_name NOT LIKE '%\\\\_%'") == [
        ("public",)
    ]
    assert [(row[2],) for row in warehouse.ask("SHOW TABLES FROM SCHEMA dev.public")] == [("t",), ("v",)]


def test_every_view_of_the_catalogue_answers(warehouse: Warehouse) -> None:
    views = warehouse.directly("SELECT view_name FROM duckdb_views() WHERE schema_name = 'pg_internal'")
    assert views
    for (view,) in views:
        warehouse.ask(f"SELECT * FROM {view}")


def test_a_name_of_ones_own_goes_before_the_catalogues(warehouse: Warehouse) -> None:
    assert warehouse.ask("WITH svv_tables AS (SELECT 1 AS n) SELECT n FROM svv_tables") == [(1,)]
