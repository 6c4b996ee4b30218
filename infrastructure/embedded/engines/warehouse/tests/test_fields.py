"""Values as the Data API has them, by DuckDB's own types."""

from pathlib import Path

import duckdb
import orjson
import pytest

from infrastructure.embedded.engines.warehouse import pages

_CASES = {
    "1::SMALLINT": ("int2", {"longValue": 1}),
    "1::INT": ("int4", {"longValue": 1}),
    "1::BIGINT": ("int8", {"longValue": 1}),
    "1::HUGEINT": ("numeric", {"stringValue": "1"}),
    "1.5::DECIMAL(10,3)": ("numeric", {"stringValue": "1.500"}),
    "1.5::DOUBLE": ("float8", {"doubleValue": 1.5}),
    "true": ("bool", {"booleanValue": True}),
    "'x'": ("varchar", {"stringValue": "x"}),
    "DATE '2026-01-02'": ("date", {"stringValue": "2026-01-02"}),
    "TIMESTAMP '2026-01-02 03:04:05.250'": ("timestamp", {"stringValue": "2026-01-02 03:04:05.25"}),
    "TIMESTAMPTZ '2026-01-02 03:04:05+00'": ("timestamptz", {"stringValue": "2026-01-02 03:04:05+00"}),
    "NULL::INT": ("int4", {"isNull": True}),
    "'\\xAB'::BLOB": ("varbyte", {"stringValue": "ab"}),
}


def test_every_type_has_its_name_and_its_field(tmp_path: Path) -> None:
    cursor = duckdb.connect()
    cursor.execute("SET TimeZone = 'UTC'")
    found = {}
    for sql in _CASES:
        cursor.execute(f"SELECT {sql}")
        answer = pages.write(cursor, tmp_path / "page")
        [[field]] = orjson.loads(pages.read(tmp_path / "page", 0, answer["bytes"]))
        found[sql] = (answer["columns"][0]["type"], field)
    assert found == _CASES


@pytest.mark.parametrize(("limit", "text"), [("MOST_BYTES", "exceeded size limit"), ("MOST_ROW_BYTES", "too large")])
def test_what_aws_does_not_pass_on_is_refused_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, text: str
) -> None:
    monkeypatch.setattr(pages, limit, 100)
    cursor = duckdb.connect()
    cursor.execute("SELECT repeat('x', 200)")
    with pytest.raises(pages.TooLarge, match=text):
        pages.write(cursor, tmp_path / "page")
    assert list(tmp_path.iterdir()) == []
