"""Queries: names of columns, order, parameters, SUPER, and what Redshift does not read."""
# ruff: noqa: S608  # the texts are the tests' own

from decimal import Decimal
from typing import Any

import pytest

from infrastructure.embedded.engines.warehouse.dialect import translate
from infrastructure.embedded.engines.warehouse.dialect.tests.conftest import Refused, Warehouse

NAMES = {
    "literal": ("1", "?column?"),
    "operator": ("n + 1", "?column?"),
    "column": ("t.n", "n"),
    "folded": ('n AS "Total"', "total"),
    "count": ("COUNT(*)", "count"),
    "window": ("SUM(n) OVER ()", "sum"),
    "cast-of-a-column": ("n::VARCHAR(3)", "n"),
    "cast-of-a-literal": ("'1'::INT", "int4"),
    "case": ("CASE WHEN true THEN 1 END", "case"),
    "decode": ("DECODE(1, 1, 2)", "case"),
    "nvl": ("NVL(1, 2)", "coalesce"),
    "dateadd": ("DATEADD(day, 1, SYSDATE)", "date_add"),
    "date-part": ("DATE_PART(year, SYSDATE)", "pgdate_part"),
    "sysdate": ("SYSDATE", "timestamp"),
    "getdate": ("GETDATE()", "getdate"),
    "listagg": ("LISTAGG('a') WITHIN GROUP (ORDER BY 1)", "listagg"),
    "avg": ("AVG(1)", "avg"),
    "super": ("s.a.b[0]", "b"),
}


@pytest.mark.parametrize(("expression", "name"), NAMES.values(), ids=NAMES.keys())
def test_a_column_without_alias_has_redshifts_name(warehouse: Warehouse, expression: str, name: str) -> None:
    warehouse.ask("CREATE TABLE t (n INT, s SUPER)")
    warehouse.ask(f"SELECT {expression} FROM t GROUP BY n, s")
    assert [name] == warehouse.columns


def test_a_name_without_alias_can_be_used_around_the_query(warehouse: Warehouse) -> None:
    assert warehouse.ask("SELECT q.count + 1 FROM (SELECT COUNT(*) FROM (SELECT 1)) q WHERE count > 0") == [(2,)]


def test_names_are_folded_even_in_quotes(warehouse: Warehouse) -> None:
    warehouse.ask('CREATE TABLE "Sales" ("Select" INT)')
    warehouse.ask('INSERT INTO SALES ("SELECT") VALUES (1)')
    assert warehouse.ask('SELECT "Sales"."select" FROM sales') == [(1,)]


ORDERS = {
    "ascending": ("ORDER BY n", [1, 2, None]),
    "descending": ("ORDER BY n DESC", [None, 2, 1]),
    "nulls-first": ("ORDER BY n NULLS FIRST", [None, 1, 2]),
    "descending-nulls-last": ("ORDER BY n DESC NULLS LAST", [2, 1, None]),
}


@pytest.mark.parametrize(("order", "expected"), ORDERS.values(), ids=ORDERS.keys())
def test_nulls_are_greater_than_everything(warehouse: Warehouse, order: str, expected: list[int | None]) -> None:
    warehouse.ask("CREATE TABLE t (n INT)")
    warehouse.ask("INSERT INTO t VALUES (2), (NULL), (1)")
    assert expected == [n for (n,) in warehouse.ask(f"SELECT n FROM t {order}")]


def test_parameters_are_texts_that_take_the_type_of_their_place(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (id INT, at TIMESTAMP, price DECIMAL(8, 2), name VARCHAR(9))")
    warehouse.ask(
        "INSERT INTO t VALUES (:id, :at, :price, :name)", id="7", at="2020-01-02 03:04:05", price="1.50", name="a"
    )
    found = warehouse.ask(
        "SELECT price FROM t WHERE id = :id AND at >= :at::DATE AND name LIKE :name", id="7", at="2020-01-02", name="%"
    )
    assert [(Decimal("1.50"),)] == found


def test_a_cast_is_no_parameter() -> None:
    (statement,) = translate("SELECT a::int, :b::date FROM t WHERE c = ':d'")
    assert "$b" in statement.sql
    assert "$int" not in statement.sql
    assert "$d" not in statement.sql


def test_paths_into_super_count_from_zero_and_arrays_are_walked(warehouse: Warehouse) -> None:
    warehouse.ask("CREATE TABLE t (id INT, s SUPER)")
    warehouse.ask("""INSERT INTO t SELECT 1, JSON_PARSE('{"items": [{"sku": "x"}, {"sku": "y"}], "n": {"m": 3}}')""")
    assert warehouse.ask("SELECT s.items[0].sku, t.s.n.m FROM t") == [('"x"', "3")]
    assert warehouse.ask("SELECT i.sku FROM t, t.s.items AS i ORDER BY 1") == [('"x"',), ('"y"',)]


def test_a_marked_column_is_an_outer_joins(warehouse: Warehouse) -> None:
    warehouse.ask(
        "CREATE TABLE a (n INT); CREATE TABLE b (n INT); INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (2)"
    )
    found = warehouse.ask("SELECT a.n, b.n FROM a, b WHERE a.n = b.n(+) ORDER BY 1")
    assert found == [(1, None), (2, 2)]


def test_top_is_a_limit(warehouse: Warehouse) -> None:
    assert warehouse.ask("SELECT TOP 1 n FROM (SELECT 2 n UNION ALL SELECT 1) ORDER BY n") == [(1,)]


def test_select_into_makes_a_table(warehouse: Warehouse) -> None:
    (statement,) = translate("SELECT 1 AS n INTO t")
    assert (statement.kind, statement.has_result) == ("ddl", False)
    warehouse.ask("SELECT 1 AS n INTO t")
    assert warehouse.ask("SELECT n FROM t") == [(1,)]


CHANGES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "merge": (
        """MERGE INTO t USING (SELECT 1 id, 'x' v UNION ALL SELECT 9, 'z') s ON t.id = s.id
           WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)""",
        [(1, "x"), (2, "b"), (9, "z")],
    ),
    "merge-with-columns": (
        """MERGE INTO t USING (SELECT 1 id) s ON t.id = s.id
           WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)""",
        [(2, "b")],
    ),
    "delete-using": ("DELETE FROM t USING t AS u WHERE t.id = u.id AND u.v = 'a'", [(2, "b")]),
    "delete-without-from": ("DELETE t WHERE id = 1", [(2, "b")]),
    "update-from": ("UPDATE t SET v = s.v FROM (SELECT 2 id, 'y' v) s WHERE t.id = s.id", [(1, "a"), (2, "y")]),
    "insert-select": ("INSERT INTO t (SELECT id + 10, v FROM t)", [(1, "a"), (2, "b"), (11, "a"), (12, "b")]),
    "insert-with": ("INSERT INTO t WITH n AS (SELECT 5 id) SELECT id, 'e' FROM n", [(1, "a"), (2, "b"), (5, "e")]),
    "rolled-back": ("BEGIN; DELETE FROM t; ROLLBACK", [(1, "a"), (2, "b")]),
    "committed": ("START TRANSACTION; DELETE FROM t WHERE id = 2; END", [(1, "a")]),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_rows_are_changed_as_in_redshift(warehouse: Warehouse, change: str, expected: list[tuple[Any, ...]]) -> None:
    warehouse.ask("CREATE TABLE t (id INT, v VARCHAR(5)); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    warehouse.ask(change)
    assert expected == warehouse.ask("SELECT * FROM t ORDER BY id")


REFUSED = {
    "misspelt": ("SELEC 1", 'syntax error at or near "SELEC"\n  Position: 1'),
    "in-the-middle": ("SELECT a\nFROM t b c", 'syntax error at or near "c"\n  Position: 19'),
    "cut-off": ("SELECT * FROM", "syntax error at end of input"),
    "open-quote": ("SELECT 'abc", "unterminated quoted string"),
    "on-conflict": ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", 'near "ON CONFLICT'),
    "returning": ("INSERT INTO t VALUES (1) RETURNING id", "syntax error at or near"),
    "distinct-on": ("SELECT DISTINCT ON (id) id FROM t", "syntax error at or near"),
    "filter": ("SELECT COUNT(*) FILTER (WHERE id = 1) FROM t", "syntax error at or near"),
    "values-in-from": ("SELECT * FROM (VALUES (1)) v(n)", "syntax error at or near"),
    "numbered-parameter": ("SELECT $1", "there is no parameter $1"),
    "no-table": ("SELECT * FROM nope", 'relation "nope" does not exist'),
    "no-column": ("SELECT nope FROM t", 'column "nope" does not exist'),
    "no-alias": ("SELECT x.id FROM t", 'missing FROM-clause entry for table "x"'),
    "ambiguous": ("SELECT id FROM t a, t b", 'column reference "id" is ambiguous'),
    "ungrouped": ("SELECT id, COUNT(*) FROM t", 'column "id" must appear in the GROUP BY clause'),
    "too-few-values": ("INSERT INTO t VALUES (1)", "INSERT has a different number of columns"),
    "unknown-target": ("INSERT INTO t (nope) VALUES (1)", 'column "nope" of relation "t" does not exist'),
    "not-a-number": ("INSERT INTO t VALUES ('x', 'y')", 'invalid input syntax for integer: "x"'),
    "deep": ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "stack depth limit exceeded"),
}


@pytest.mark.parametrize(("query", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_query_is_refused_in_redshifts_words(warehouse: Warehouse, query: str, words: str) -> None:
    warehouse.ask("CREATE TABLE t (id INT, v VARCHAR(5))")
    with pytest.raises(Refused) as refusal:
        warehouse.ask(query)
    assert words in str(refusal.value)
