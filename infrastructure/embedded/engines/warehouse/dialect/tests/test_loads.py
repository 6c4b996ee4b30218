"""COPY and UNLOAD as data."""
# ruff: noqa: S608  # the texts are the tests' own

import dataclasses

import pytest

from infrastructure.embedded.engines.warehouse.dialect import Copy, DialectError, Unload, translate

ROLE = "IAM_ROLE 'arn:aws:iam::123456789012:role/loader'"
COPY = Copy(
    schema=None, table="t", columns=(), bucket="b", prefix="p/", authorization="arn:aws:iam::123456789012:role/loader"
)
UNLOAD = Unload(query="SELECT 1 AS n", bucket="b", prefix="p/", authorization="arn:aws:iam::123456789012:role/loader")

COPIES: dict[str, tuple[str, dict[str, object]]] = {
    "text": ("", {}),
    "csv": ("CSV", {"format": "csv", "delimiter": ",", "null_as": ""}),
    "csv-with-quote": (
        "FORMAT AS CSV QUOTE AS '%' DELIMITER ';'",
        {"format": "csv", "quote": "%", "delimiter": ";", "null_as": ""},
    ),
    "tab": ("DELIMITER '\\t'", {"delimiter": "\t"}),
    "json": ("FORMAT JSON 'auto ignorecase'", {"format": "json", "json_paths": "auto ignorecase"}),
    "json-paths": ("JSON AS 's3://b/paths.json'", {"format": "json", "json_paths": "s3://b/paths.json"}),
    "parquet": ("FORMAT AS PARQUET", {"format": "parquet"}),
    "compressed": ("GZIP", {"compression": "gzip"}),
    "header-and-errors": ("IGNOREHEADER AS 1 MAXERROR 10", {"ignore_header": 1, "max_error": 10}),
    "null": (
        "NULL AS 'NULL' EMPTYASNULL BLANKSASNULL",
        {"null_as": "NULL", "empty_as_null": True, "blanks_as_null": True},
    ),
    "manifest": ("MANIFEST REGION 'eu-west-1'", {"manifest": True, "region": "eu-west-1"}),
    "times": (
        "DATEFORMAT 'DD.MM.YYYY' TIMEFORMAT AS 'epochmillisecs'",
        {"date_format": "DD.MM.YYYY", "time_format": "epochmillisecs"},
    ),
    "lenient": (
        "TRUNCATECOLUMNS FILLRECORD TRIMBLANKS IGNOREBLANKLINES ACCEPTINVCHARS AS '^'",
        {
            "truncate_columns": True,
            "fill_record": True,
            "trim_blanks": True,
            "ignore_blank_lines": True,
            "accept_invalid": "^",
        },
    ),
    "of-no-consequence": ("COMPUPDATE OFF STATUPDATE ON ENCODING AS UTF8", {}),
}


@pytest.mark.parametrize(("options", "changed"), COPIES.values(), ids=COPIES.keys())
def test_a_copy_is_read(options: str, changed: dict[str, object]) -> None:
    (statement,) = translate(f"COPY t FROM 's3://b/p/' {ROLE} {options};")
    assert (statement.kind, statement.has_result, statement.sql) == ("copy", False, 'INSERT INTO "t"')
    assert dataclasses.replace(COPY, **changed) == statement.load  # type: ignore[arg-type]  # a table of any field's value


def test_a_copy_names_its_columns_folded() -> None:
    (statement,) = translate("copy Public.Sales (Id, At) from 's3://b/k' iam_role default csv")
    assert statement.sql == 'INSERT INTO "public"."sales" ("id", "at")'
    assert isinstance(statement.load, Copy)
    assert (
        statement.load.schema,
        statement.load.table,
        statement.load.columns,
        statement.load.authorization,
    ) == ("public", "sales", ("id", "at"), "default")


UNLOADS: dict[str, tuple[str, dict[str, object]]] = {
    "text": ("", {}),
    "csv": ("FORMAT CSV HEADER", {"format": "csv", "delimiter": ",", "header": True}),
    "parquet": ("PARQUET", {"format": "parquet"}),
    "one-file": ("PARALLEL OFF ALLOWOVERWRITE", {"parallel": False, "allow_overwrite": True}),
    "sizes": (
        "MAXFILESIZE 1.5 GB EXTENSION 'csv.gz' GZIP",
        {"max_file_size_bytes": 1_610_612_736, "extension": "csv.gz", "compression": "gzip"},
    ),
    "quotes": (
        "ADDQUOTES ESCAPE NULL AS '-' DELIMITER ','",
        {"add_quotes": True, "escape": True, "null_as": "-", "delimiter": ","},
    ),
    "manifest": ("MANIFEST CLEANPATH", {"manifest": True, "clean_path": True}),
}


@pytest.mark.parametrize(("options", "changed"), UNLOADS.values(), ids=UNLOADS.keys())
def test_an_unload_is_read(options: str, changed: dict[str, object]) -> None:
    (statement,) = translate(f"UNLOAD ('SELECT 1 AS n') TO 's3://b/p/' {ROLE} {options}")
    assert (statement.kind, statement.sql) == ("unload", 'SELECT 1 AS "n"')
    assert dataclasses.replace(UNLOAD, **changed) == statement.load  # type: ignore[arg-type]  # a table of any field's value


def test_the_query_of_an_unload_has_doubled_quotes() -> None:
    (statement,) = translate(f"UNLOAD ('SELECT * FROM t WHERE v = ''x''') TO 's3://b/p' {ROLE}")
    assert statement.sql == """SELECT * FROM "t" WHERE "v" = 'x'"""


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("COPY t FROM 's3://b/p'", "CREDENTIALS argument is required"),
        (f"COPY t FROM 's3://b/p' {ROLE} FORMAT AVRO", "AVRO"),
        (f"COPY t FROM 's3://b/p' {ROLE} NONSENSE", 'syntax error at or near "NONSENSE"'),
        (f"COPY t FROM 's3:///p' {ROLE}", "The S3 path is not valid"),
        (f"COPY t FROM 's3://b/p' {ROLE} MAXERROR many", 'syntax error at or near "many"'),
        (f"UNLOAD (SELECT 1) TO 's3://b/p' {ROLE}", 'syntax error at or near "SELECT"'),
        (f"UNLOAD ('VACUUM') TO 's3://b/p' {ROLE}", "UNLOAD takes one SELECT query"),
        ("COPY t FROM", "syntax error at end of input"),
    ],
    ids=lambda value: value[:40],
)
def test_a_load_that_cannot_be_read_is_refused(statement: str, words: str) -> None:
    with pytest.raises(DialectError) as refusal:
        translate(statement)
    assert words in str(refusal.value)


def test_credentials_stay_out_of_what_is_written_of_a_load() -> None:
    (statement,) = translate("COPY t FROM 's3://b/p' CREDENTIALS 'aws_access_key_id=A;aws_secret_access_key=hidden'")
    assert statement.load is not None
    assert "hidden" in statement.load.authorization
    assert "hidden" not in repr(statement)
