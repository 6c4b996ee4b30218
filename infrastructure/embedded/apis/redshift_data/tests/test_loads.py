"""COPY and UNLOAD against the embedded S3: what comes in, what does not and why, what comes out."""

import bz2
import gzip
import json
from typing import Any

import pytest

from infrastructure.embedded.apis.redshift_data.tests.redshift_world import Redshift, redshift
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio

TABLE = "CREATE TABLE revenue (order_id VARCHAR(8) NOT NULL, store INT, amount DECIMAL(12,2), paid_at TIMESTAMP)"
ROWS = [["a", 1, "1.50", "2026-01-01 10:00:00"], ["b", None, "2.00", "2026-01-01 10:00:01.5"]]
LINES = "a,1,1.50,2026-01-01 10:00:00\nb,,2,2026-01-01 10:00:01.5\n"
FAILED = "ERROR: Load into table 'revenue' failed.  Check 'stl_load_errors' system table for details."


async def with_table(cloud: Redshift, **objects: bytes | str | list[Any]) -> None:
    await cloud.create()
    await cloud.run(TABLE)
    for key, content in objects.items():
        cloud.put(key.replace("_", "/", 1), content)


async def loaded(cloud: Redshift) -> list[list[Any]]:
    return await cloud.rows("SELECT * FROM revenue ORDER BY order_id")


TEXTS: dict[str, tuple[bytes | str, str]] = {
    "csv": (LINES, "CSV"),
    "header": ("order_id,store,amount,paid_at\n" + LINES, "CSV IGNOREHEADER 1"),
    "pipes": (LINES.replace(",", "|"), ""),
    "tabs": (LINES.replace(",", "\t"), "DELIMITER '\\t'"),
    "gzip": (gzip.compress(LINES.encode()), "CSV GZIP"),
    "bzip2": (bz2.compress(LINES.encode()), "CSV BZIP2"),
    "quoted": (LINES.replace("a,1", '"a","1"'), "CSV"),
    "null-as": (LINES.replace("b,,", "b,nix,"), "CSV NULL AS 'nix'"),
    "cut-off": (LINES.replace("1.50", "1.509").replace(",2,", ",2.0099,"), "CSV"),
    "one-too-many": (LINES + "c,one,1,2026-01-01\n", "CSV MAXERROR 1"),
}


async def test_text_is_loaded(state: StateFolder) -> None:
    """What comes in is the same, however it is written."""
    async with redshift(state) as cloud:
        await with_table(cloud)
        found = {}
        for name, (content, options) in TEXTS.items():
            cloud.put(f"{name}/1", content)
            await cloud.run("TRUNCATE revenue")
            told = await cloud.copy("revenue", f"{name}/", options)
            found[name] = (told.get("Error"), told["ResultRows"], await loaded(cloud))
        assert found == dict.fromkeys(TEXTS, (None, 2, ROWS))


async def test_json_is_loaded_by_the_names_of_its_keys(state: StateFolder) -> None:
    first = [{"order_id": "a", "store": 1, "amount": "1.50", "paid_at": "2026-01-01T10:00:00Z", "more": {"x": [1]}}]
    second = json.dumps({"order_id": "b", "store": None, "amount": 2, "paid_at": "2026-01-01 10:00:01.5"}, indent=1)
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=first, in_2=second)
        assert (await cloud.copy("revenue", "in/", "JSON 'auto'"))["Error"] == FAILED  # of the T and the Z
        assert (await cloud.copy("revenue", "in/", "JSON 'auto' TIMEFORMAT 'auto'"))["ResultRows"] == 2
        assert await loaded(cloud) == ROWS


async def test_json_paths_say_where_the_values_are(state: StateFolder) -> None:
    content = [{"order": {"id": "a"}, "list": [7, 8]}]
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=content, paths='{"jsonpaths": ["$.order.id", "$.list[1]"]}')
        options = f"JSON 's3://{cloud.lake}/paths'"
        assert (await cloud.copy("revenue", "in/", options, "(order_id, store)"))["ResultRows"] == 1
        assert await loaded(cloud) == [["a", 8, None, None]]


async def test_columns_that_are_named_get_the_values(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1="7,x\n")
        assert (await cloud.copy("revenue", "in/", "CSV", "(store, order_id)"))["ResultRows"] == 1
        assert await loaded(cloud) == [["x", 7, None, None]]


async def test_times_may_be_numbers_or_have_a_picture(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1="a,1,1,1767261600\n", of_2="b,1,1,01.01.2026 10:00\n")
        assert (await cloud.copy("revenue", "in/", "CSV TIMEFORMAT 'epochsecs'")).get("Error") is None
        assert (await cloud.copy("revenue", "of/", "CSV TIMEFORMAT 'DD.MM.YYYY HH24:MI'")).get("Error") is None
        assert [row[3] for row in await loaded(cloud)] == ["2026-01-01 10:00:00"] * 2


async def test_a_manifest_names_what_is_loaded(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=LINES.splitlines()[0], in_2=LINES.splitlines()[1], in_3="z,1,1,2026-01-01")
        entries = [{"url": f"s3://{cloud.lake}/in/{n}", "mandatory": True} for n in (1, 2)]
        cloud.put("manifest", json.dumps({"entries": entries}))
        assert (await cloud.copy("revenue", "manifest", "CSV MANIFEST"))["ResultRows"] == 2
        assert await loaded(cloud) == ROWS
        cloud.put("manifest", json.dumps({"entries": [{"url": f"s3://{cloud.lake}/in/9", "mandatory": True}]}))
        assert "Not Found" in (await cloud.copy("revenue", "manifest", "CSV MANIFEST"))["Error"]


BAD: dict[str, tuple[str, int, str]] = {
    "c,one,1,2026-01-01": ("store", 1207, "Invalid digit, Value, Pos 0, Type: Integer"),
    "c,1.5,1,2026-01-01": ("store", 1207, "Invalid digit, Value, Pos 0, Type: Integer"),
    "c,1,1,tomorrow": ("paid_at", 1206, "Invalid timestamp format or value"),
    "c,1": ("amount", 1201, "Delimiter not found"),
    "c,1,1,2026-01-01,more": ("", 1202, "Extra column(s) found"),
    "much-too-long,1,1,2026-01-01": ("order_id", 1204, "String length exceeds DDL length"),
    '"c,1,1,2026-01-01': ("order_id", 1214, "Delimited value missing end quote"),
}


async def test_a_bad_row_fails_the_load_and_says_why(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud)
        found = {}
        for number, line in enumerate(BAD):
            cloud.put(f"{number}/1", f"{LINES}{line}\n")
            told = await cloud.copy("revenue", f"{number}/")
            assert (told["Status"], told["Error"]) == ("FAILED", FAILED), line
            query = {"name": "query", "value": str(told["RedshiftQueryId"])}
            [[file, at, *why]] = await cloud.rows(
                "SELECT file_name, line_number, column_name, error_code, error_message FROM sys_load_error_detail "
                "WHERE query_id = :query",
                Parameters=[query],
            )
            assert (file, at) == (f"s3://{cloud.lake}/{number}/1", 3), line
            found[line] = tuple(why)
        assert found == BAD
        assert await loaded(cloud) == []
        assert await cloud.rows("SELECT COUNT(*) FROM stl_load_errors") == [[len(BAD)]]


async def test_json_that_is_none_is_a_bad_row(state: StateFolder) -> None:
    content = '{"order_id": "a"}\n{"order_id": \n{"order_id": "b"}\n{"store": 7}\n'
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=content)
        assert (await cloud.copy("revenue", "in/", "JSON 'auto' MAXERROR 1"))["Error"] == FAILED
        assert (await cloud.copy("revenue", "in/", "JSON 'auto' MAXERROR 2"))["ResultRows"] == 2
        rows = await cloud.rows("SELECT DISTINCT line_number, error_code FROM sys_load_error_detail ORDER BY 1")
        assert rows[0] == [2, 1216]
        assert rows[1][1] == 1213  # no order_id


OTHER = "arn:aws:iam::123456789012:role/other"
CANNOT: dict[str, str] = {
    "COPY revenue FROM 's3://{lake}/none/' IAM_ROLE default CSV": "The specified S3 prefix 'none/' does not exist",
    "COPY revenue FROM 's3://no-such-bucket/x' IAM_ROLE default CSV": "The specified bucket does not exist",
    "COPY nowhere FROM 's3://{lake}/in/' IAM_ROLE default CSV": 'relation "nowhere" does not exist',
    "COPY revenue FROM 's3://{lake}/in/' IAM_ROLE default CSV GZIP": "is no gzip",
    "COPY revenue FROM 's3://{lake}/in/' CSV": "ERROR: ",
    f"COPY revenue FROM 's3://{{lake}}/in/' IAM_ROLE '{OTHER}' CSV": "not associated to cluster",
    f"COPY revenue FROM 's3://{{lake}}/in/' CREDENTIALS 'aws_iam_role={OTHER}' CSV": "not associated to cluster",
    f"UNLOAD ('SELECT 1') TO 's3://{{lake}}/out/' IAM_ROLE '{OTHER}'": "not associated to cluster",
}


async def test_a_load_that_cannot_be_fails(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=LINES)
        errors = {sql: await cloud.error(sql.replace("{lake}", cloud.lake)) for sql in CANNOT}
        assert {sql: said for sql, said in errors.items() if CANNOT[sql] not in said} == {}
        assert await loaded(cloud) == []
        assert list(cloud.warehouse.staging.iterdir()) == []


async def test_a_load_is_part_of_its_transaction(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=LINES)
        copy = f"COPY revenue FROM 's3://{cloud.lake}/in/' IAM_ROLE default CSV"
        asked = await cloud.ask("BatchExecuteStatement", **cloud.where, Sqls=[copy, "SELECT 1 FROM nowhere"])
        assert (await cloud.over(asked["Id"]))["Status"] == "FAILED"
        assert await loaded(cloud) == []
        asked = await cloud.ask(
            "BatchExecuteStatement", **cloud.where, Sqls=[copy, "DELETE FROM revenue WHERE store = 1"]
        )
        assert (await cloud.over(asked["Id"]))["Status"] == "FINISHED"
        assert await loaded(cloud) == ROWS[1:]


UNLOADS: dict[str, tuple[str, bytes]] = {
    "": ("0000_part_00", b"a|1|1.50\nb||2.00\n"),
    "CSV HEADER PARALLEL OFF": ("000", b"order_id,store,amount\na,1,1.50\nb,,2.00\n"),
    "GZIP": ("0000_part_00.gz", b"a|1|1.50\nb||2.00\n"),
}


async def test_unload_writes_objects(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_table(cloud, in_1=LINES)
        await cloud.copy("revenue", "in/")
        query = "SELECT order_id, store, amount FROM revenue ORDER BY 1"
        for number, (options, (key, content)) in enumerate(UNLOADS.items()):
            unload = f"UNLOAD ('{query}') TO 's3://{cloud.lake}/{number}/' IAM_ROLE default {options}"
            assert (await cloud.run(unload))["ResultRows"] == 2
            written = cloud.objects()[f"{number}/{key}"]
            assert (gzip.decompress(written) if key.endswith(".gz") else written) == content
        assert "is not empty" in await cloud.error(unload)
        await cloud.run(f"{unload} ALLOWOVERWRITE MANIFEST")
        [entry] = json.loads(cloud.objects()["2/manifest"])["entries"]
        assert entry["url"] == f"s3://{cloud.lake}/2/0000_part_00.gz"
        assert list(cloud.warehouse.staging.iterdir()) == []
