"""Values that Redshift's documentation gives for its functions, and PostgreSQL's where it gives none."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from infrastructure.embedded.engines.warehouse.dialect.tests.conftest import Refused, Warehouse


def at(*parts: int) -> dt.datetime:
    """A timestamp without time zone."""
    return dt.datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001  it has none


JSON = """'{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}}'"""

VALUES: dict[str, tuple[str, Any]] = {
    # https://docs.aws.amazon.com/redshift/latest/dg/r_FNV_HASH.html
    "fnv-of-an-integer": ("FNV_HASH(1)", -5968735742475085980),
    "fnv-of-a-smallint": ("FNV_HASH(1::SMALLINT)", 589727492704079044),
    "fnv-of-a-bigint": ("FNV_HASH(1::BIGINT)", -8517097267634966620),
    "fnv-of-a-text": ("FNV_HASH('Amazon Redshift')", 7783490368944507294),
    "fnv-with-a-seed": ("FNV_HASH('Amazon Redshift', FNV_HASH(1))", -2202602717770968555),
    "fnv-in-parts": ("FNV_HASH('cd', FNV_HASH('ab'))", -281581062704388899),
    # …/r_STRTOL.html
    "strtol-hex": ("STRTOL('0f', 16)", 15),
    "strtol-binary": ("STRTOL('110101', 2)", 53),
    "strtol-negative": ("STRTOL('-110101', 2)", -53),
    # …/r_MD5.html, …/SHA.html, …/r_SHA2.html: digests of another implementation
    "md5": ("MD5('Amazon Redshift')", "f7415e33f972c03abd4f3fed36748f7a"),
    "sha1": ("SHA1('Amazon Redshift')", "eeac5ed1e11cda66032c30ad77b25071b5487f55"),
    "sha": ("SHA('a') = SHA1('a') AND FUNC_SHA1('a') = SHA('a')", True),
    "sha2": ("SHA2('a', 256)", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    "sha2-0-is-256": ("SHA2('a', 0) = SHA2('a', 256)", True),
    # …/JSON_EXTRACT_PATH_TEXT.html and its neighbours
    "json-path": (f"JSON_EXTRACT_PATH_TEXT({JSON}, 'f4', 'f6')", "star"),
    "json-path-to-nowhere": (f"JSON_EXTRACT_PATH_TEXT({JSON}, 'f9')", None),
    "json-path-bad-but-tolerated": ("JSON_EXTRACT_PATH_TEXT('{', 'f4', true)", None),
    "json-path-that-looks-like-an-index": ("""JSON_EXTRACT_PATH_TEXT('{"[0]":{"a.b":5}}', '[0]', 'a.b')""", "5"),
    "json-element": ("JSON_EXTRACT_ARRAY_ELEMENT_TEXT('[111,112,113]', 2)", "113"),
    "json-element-of-none": ('JSON_EXTRACT_ARRAY_ELEMENT_TEXT(\'["a",["b",1]]\', 5)', None),
    "json-array-length": ("""JSON_ARRAY_LENGTH('[11,12,13,{"f1":21,"f2":[25,26]},14]')""", 5),
    "json-array-length-tolerated": ("JSON_ARRAY_LENGTH('[11', true)", None),
    "is-valid-json": ("""IS_VALID_JSON('{"a":2}')""", True),
    "is-valid-json-broken": ("IS_VALID_JSON('{a')", False),
    "is-valid-json-array": ("""IS_VALID_JSON_ARRAY('[]') AND NOT IS_VALID_JSON_ARRAY('{"a":[1]}')""", True),
    "json-typeof": ("JSON_TYPEOF(JSON_PARSE('[10001,10002]'))", "array"),
    "array-length": ("GET_ARRAY_LENGTH(ARRAY(1, 2, 3))", 3),
    "object": ("JSON_SERIALIZE(OBJECT('a', 1))", '{"a":1}'),
    # …/r_DATEADD_function.html, …/r_DATEDIFF_function.html and the other dates
    "dateadd-months": ("DATEADD(month, 18, '2008-02-28')", at(2009, 8, 28)),
    "dateadd-back": ("DATEADD(mon, -3, '2008-05-31 10:00:00'::TIMESTAMP)", at(2008, 2, 29, 10)),
    "dateadd-minutes": ("DATEADD(minutes, 70, '2008-02-28 23:00:00')", at(2008, 2, 29, 0, 10)),
    "datediff-quarters": ("DATEDIFF(qtr, '1998-07-01', '2008-07-01')", 40),
    "datediff-weeks": ("DATEDIFF(week, '2009-01-01', '2009-12-31')", 52),
    "datediff-hours-backwards": ("DATEDIFF(hour, '2009-01-02 00:00:00', '2009-01-01 00:00:00')", -24),
    "date-trunc-week-begins-monday": ("DATE_TRUNC('week', '2022-05-10'::TIMESTAMP)", at(2022, 5, 9)),
    "date-trunc-of-a-date-is-a-timestamp": ("DATE_TRUNC('qtr', '2022-05-10'::DATE)", at(2022, 4, 1)),
    "date-part-dow-of-sunday": ("DATE_PART(dow, '2020-01-05'::DATE)", 0),
    "extract-epoch": ("EXTRACT(epoch FROM '2020-01-05 00:00:00.9'::TIMESTAMP)", 1578182400),
    "add-months-keeps-the-last-day": ("ADD_MONTHS('2008-04-30', 1)", at(2008, 5, 31)),
    "add-months-keeps-the-time": ("ADD_MONTHS('2008-03-31 12:00:00'::TIMESTAMP, -1)", at(2008, 2, 29, 12)),
    "months-between": ("MONTHS_BETWEEN('1969-01-18', '1969-03-18')", -2.0),
    "last-day": ("LAST_DAY('2008-02-05')", dt.date(2008, 2, 29)),
    "next-day": ("NEXT_DAY('2014-08-20', 'Tuesday')", dt.date(2014, 8, 26)),
    "next-day-abbreviated": ("NEXT_DAY('2014-08-20', 'we')", dt.date(2014, 8, 27)),
    "trunc-of-a-timestamp": ("TRUNC('2011-07-21 10:32:38.248109'::TIMESTAMP)", dt.date(2011, 7, 21)),
    "trunc-of-a-number": ("TRUNC(-111.86)", Decimal(-111)),
    "trunc-to-places": ("TRUNC(111.86, 1)", Decimal("111.80")),
    "convert-timezone": ("CONVERT_TIMEZONE('PST8PDT', '2008-08-21 07:23:54')", at(2008, 8, 21, 0, 23, 54)),
    "convert-timezone-from": (
        "CONVERT_TIMEZONE('EST', 'PST8PDT', '2008-08-21 07:23:54'::TIMESTAMP)",
        at(2008, 8, 21, 5, 23, 54),
    ),
    "getdate-has-no-fraction": ("GETDATE() = DATE_TRUNC('second', SYSDATE)", True),
    "date-cmp": ("DATE_CMP('2008-01-01', '2008-06-18')", -1),
    # …/r_TO_CHAR.html
    "to-char-timestamp": (
        "TO_CHAR('2009-12-31 23:15:59'::TIMESTAMP, 'MONTH-DY-DD-YYYY HH12:MIPM')",
        "DECEMBER -THU-31-2009 11:15PM",
    ),
    "to-char-month-alone": ("TO_CHAR(DATE '2008-03-01', 'MONTH')", "MARCH    "),
    "to-char-month-filled": ("TO_CHAR(DATE '2008-03-01', 'FMMonth')", "March"),
    "to-char-fraction": (
        "TO_CHAR('2020-01-31 10:11:12.5'::TIMESTAMP, 'YYYYMMDD HH24MISS.US')",
        "20200131 101112.500000",
    ),
    "to-char-quarter-and-quotes": ("""TO_CHAR(DATE '2020-04-30', '"Q"Q YY')""", "Q2 20"),
    "to-char-day-numbers": ("TO_CHAR(DATE '2020-02-01', 'D DDD WW IW')", "7 032 05 05"),
    "to-char-sign-behind": ("TO_CHAR(-125.8, '999D99S')", "125.80-"),
    "to-char-place-for-a-sign": ("TO_CHAR(125.8, '999D99')", " 125.80"),
    "to-char-groups": ("TO_CHAR(1234567.891, '9,999,999.99')", " 1,234,567.89"),
    "to-char-zeros": ("TO_CHAR(5, '000')", " 005"),
    "to-char-filled": ("TO_CHAR(0.5, 'FM999.99')", ".5"),
    "to-char-too-wide": ("TO_CHAR(1000, '99')", " ##"),
    "to-char-money": ("TO_CHAR(22.7, '$99.99')", " $22.70"),
    "to-date": ("TO_DATE('02 Oct 2001', 'DD Mon YYYY')", dt.date(2001, 10, 2)),
    "to-number": ("TO_NUMBER('12,454.8-', '99G999D9S')", Decimal("-12454.8")),
    # Conditions and texts
    "nvl": ("NVL(NULL, NULL, 12)", 12),
    "nvl2": ("NVL2(NULL, 'set', 'missing')", "missing"),
    "decode": ("DECODE(2, 1, 'one', 2, 'two', 'other')", "two"),
    "decode-null-finds-null": ("DECODE(NULL, NULL, 'null', 'other')", "null"),
    "greatest-leaves-null-out": ("GREATEST(1, NULL, 3)", 3),
    "concat-with-null-is-null": ("CONCAT('a', NULL)", None),
    "charindex": ("CHARINDEX('fish', 'dogfish')", 4),
    "initcap": ("INITCAP('hello wORLD-wide')", "Hello World-Wide"),
    "len-in-characters": ("LEN('français')", 8),
    "octet-length-in-bytes": ("OCTET_LENGTH('français')", 9),
    "split-part": ("SPLIT_PART('abc$def$ghi', '$', 2)", "def"),
    "regexp-replace-replaces-all": ("REGEXP_REPLACE('banana', 'a', 'o')", "bonono"),
    "regexp-substr-without-match": ("REGEXP_SUBSTR('abc', 'z')", ""),
    "quote-ident": ("QUOTE_IDENT('a b')", '"a b"'),
    "quote-literal": ("QUOTE_LITERAL('it''s')", "'it''s'"),
    "like-escapes-by-backslash": (r"'a_b' LIKE 'a\\_b' AND NOT 'axb' LIKE 'a\\_b'", True),
    "similar-to": ("'abc' SIMILAR TO '%(b|d)%' AND NOT 'abc' SIMILAR TO 'b'", True),
    "cast-cuts": ("'abcdef'::VARCHAR(3)", "abc"),
    "integer-division": ("7 / 2", 3),
    "integer-division-towards-zero": ("-7 / 2", -3),
    "numeric-division": ("7 / 2.0", Decimal("3.5000")),
    "numeric-division-of-a-product": ("100.0 * 1 / 3", Decimal("33.3333")),
    "numeric-division-of-a-cast": ("1::NUMERIC(8, 2) / 8", Decimal("0.1250")),
    "float-division": ("7::FLOAT / 2.0", 3.5),
    "log-is-of-ten": ("LOG(100)", 2.0),
}


@pytest.mark.parametrize(("expression", "expected"), VALUES.values(), ids=VALUES.keys())
def test_a_function_gives_the_documented_value(warehouse: Warehouse, expression: str, expected: Any) -> None:
    assert expected == warehouse.value(expression)


AGGREGATES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "avg-of-whole-numbers-is-whole": ("SELECT AVG(n) FROM sales", [(2,)]),
    "avg-distinct": ("SELECT AVG(DISTINCT n) FROM sales", [(2,)]),
    "avg-of-numerics-keeps-the-scale": ("SELECT AVG(price) FROM sales", [(Decimal("3.25"),)]),
    "avg-of-a-sum": ("SELECT AVG(SUM(n)) OVER () FROM sales GROUP BY kind LIMIT 1", [(5,)]),
    "sum-of-a-sum-keeps-its-fraction": (
        "SELECT SUM(SUM(price)) OVER () FROM sales GROUP BY kind LIMIT 1",
        [(Decimal("12.99"),)],
    ),
    "sum-by-count-has-four-places": ("SELECT SUM(price) / COUNT(*) FROM sales", [(Decimal("3.2475"),)]),
    "sum-by-count-of-whole-numbers": ("SELECT SUM(n) / COUNT(*), SUM(n) / 2.0 FROM sales", [(2, 5.5)]),
    "count-by-numeric": (
        "SELECT 100.0 * COUNT(*) / SUM(n), MAX(n) / 2.0 FROM sales",
        [(Decimal("36.3636"), Decimal("2.5"))],
    ),
    "sum-by-sum": ("SELECT SUM(price) / SUM(n::FLOAT) FROM sales", [(12.99 / 11,)]),
    "avg-of-floats": ("SELECT AVG(n::FLOAT) FROM sales", [(2.75,)]),
    "avg-over": ("SELECT DISTINCT kind, AVG(n) OVER (PARTITION BY kind) FROM sales ORDER BY 1", [("a", 1), ("b", 4)]),
    "ratio": ("SELECT n, RATIO_TO_REPORT(n) OVER () FROM sales WHERE kind = 'a' ORDER BY n", [(1, 1 / 3), (2, 2 / 3)]),
    "listagg": ("SELECT LISTAGG(n, ', ') WITHIN GROUP (ORDER BY n DESC) FROM sales", [("5, 3, 2, 1",)]),
    "listagg-without-separator": ("SELECT LISTAGG(kind) WITHIN GROUP (ORDER BY n) FROM sales", [("aabb",)]),
    "listagg-distinct": ("SELECT LISTAGG(DISTINCT kind, '|') WITHIN GROUP (ORDER BY kind) FROM sales", [("a|b",)]),
    "listagg-over": (
        "SELECT DISTINCT LISTAGG(n, ',') WITHIN GROUP (ORDER BY n) OVER (PARTITION BY kind) FROM sales ORDER BY 1",
        [("1,2",), ("3,5",)],
    ),
    "approximate-count": ("SELECT APPROXIMATE COUNT(DISTINCT kind) FROM sales", [(2,)]),
    "approximate-percentile": (
        "SELECT APPROXIMATE PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY n) FROM sales",
        [(2,)],
    ),
    "percentile-cont": ("SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY n) FROM sales", [(2.5,)]),
    "median": ("SELECT MEDIAN(n) FROM sales", [(2.5,)]),
    "trunc-of-a-column": (
        "SELECT TRUNC(at), TRUNC(price), TRUNC(n) FROM sales WHERE n = 5",
        [(dt.date(2020, 1, 2), 9, 5)],
    ),
}


@pytest.mark.parametrize(("query", "expected"), AGGREGATES.values(), ids=AGGREGATES.keys())
def test_an_aggregate_gives_the_documented_value(
    warehouse: Warehouse, query: str, expected: list[tuple[Any, ...]]
) -> None:
    warehouse.ask("CREATE TABLE sales (kind CHAR(1), n INT, price DECIMAL(8, 2), at TIMESTAMP)")
    warehouse.ask(
        "INSERT INTO sales VALUES ('a', 1, 1, NULL), ('a', 2, 1, NULL), ('b', 3, 1, NULL), ('b', 5, 9.99, '2020-01-02')"
    )
    assert expected == warehouse.ask(query)


REFUSED: dict[str, tuple[str, str]] = {
    "unknown": (
        "foo('x', 1, 2.5, true, NULL)",
        "function foo(unknown, integer, numeric, boolean, unknown) does not exist",
    ),
    "of-duckdb": ("list_sum([1])", "function list_sum(unknown) does not exist"),
    "documented": ("SOUNDEX('x')", "function soundex: not answered by the embedded warehouse"),
    "wrong-count": ("TO_CHAR(1)", "function to_char(integer) does not exist"),
    "strtol": ("STRTOL('f99', 10)", "The input f99 is not valid to be converted to base 10"),
    "sha2-512": ("SHA2('x', 512)", "sha2 with 512 bits is not answered"),
    "json": ("JSON_EXTRACT_PATH_TEXT('{', 'a')", "JSON parsing error"),
    "division": ("1 / 0", "Divide by zero"),
    "numeric-division": ("1.0 / 0", "Divide by zero"),
    "integer": ("'abc'::INT", 'invalid input syntax for integer: "abc"'),
    "date": ("'abc'::DATE", 'invalid input syntax for type date: "abc"'),
    "schema": ("other.md5('x')", 'schema "other" does not exist'),
    "picture-of-a-column": ("TO_CHAR(1, 'a' || 'b')", "a picture that is not a literal"),
}


@pytest.mark.parametrize(("expression", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_redshift_refuses_is_refused_in_its_words(warehouse: Warehouse, expression: str, words: str) -> None:
    with pytest.raises(Refused) as refusal:
        warehouse.value(expression)
    assert words in str(refusal.value)
