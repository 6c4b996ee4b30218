"""What a database has, as the Data API lists it."""

import pytest

from infrastructure.embedded.apis.redshift_data.tests.redshift_world import redshift
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_tables_and_columns_are_listed(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("CREATE TABLE sales (id BIGINT NOT NULL, city VARCHAR(20) DEFAULT 'x', amount DECIMAL(12,2))")
        await cloud.run("CREATE VIEW cities AS SELECT DISTINCT city FROM sales")
        await cloud.run("CREATE SCHEMA mart")
        await cloud.run("CREATE TABLE mart.days (day DATE)")
        assert (await cloud.ask("ListDatabases", **cloud.where))["Databases"] == ["dev"]
        schemas = (await cloud.ask("ListSchemas", **cloud.where))["Schemas"]
        assert {"public", "mart", "pg_catalog", "information_schema"} <= set(schemas)
        tables = (await cloud.ask("ListTables", **cloud.where, SchemaPattern="public"))["Tables"]
        assert [(each["name"], each["type"]) for each in tables] == [("cities", "VIEW"), ("sales", "TABLE")]
        first = await cloud.ask("ListTables", **cloud.where, MaxResults=1)
        assert (first["Tables"][0]["schema"], "NextToken" in first) == ("mart", True)
        found = await cloud.ask("DescribeTable", **cloud.where, Schema="public", Table="sales")
        shown = [(c["name"], c["typeName"], c["length"], c["precision"], c["nullable"]) for c in found["ColumnList"]]
        assert shown == [("id", "int8", 0, 0, 0), ("city", "varchar", 20, 0, 1), ("amount", "numeric", 0, 12, 1)]
        assert list(cloud.warehouse.results.iterdir()) == []


async def test_whoever_is_not_let_in_sees_nothing(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        cloud.where["DbUser"] = "nobody"
        with pytest.raises(Refused, match='DatabaseConnectionException: FATAL: user "nobody" does not exist'):
            await cloud.ask("ListTables", **cloud.where)
