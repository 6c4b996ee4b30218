"""The calls of the Redshift Data API about what a database has: databases, schemas, tables, columns.

Each is a query of the system views, answered at once, as on AWS; it has no statement that could be described.
Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from infrastructure.embedded.apis.redshift_data.results import Result, paged
from infrastructure.embedded.apis.redshift_data.targets import Targets
from infrastructure.embedded.engines.warehouse.client import SqlError
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

_MOST = 1000
_SYSTEM = frozenset({"pg_catalog", "information_schema"})
_DATABASES = "SELECT database_name FROM svv_redshift_databases ORDER BY 1"
_SCHEMAS = "SELECT schema_name FROM svv_all_schemas WHERE schema_name LIKE :schema ORDER BY 1"
_TABLES = """SELECT table_name, table_type, table_schema FROM svv_tables
WHERE table_schema LIKE :schema AND table_name LIKE :table ORDER BY table_schema, table_name"""
_COLUMNS = """SELECT column_name, data_type, is_nullable, character_maximum_length, numeric_precision, numeric_scale,
column_default, table_schema FROM svv_columns WHERE table_schema LIKE :schema AND table_name = :table
ORDER BY table_schema, ordinal_position"""
_TYPES = {"BASE TABLE": "TABLE", "LOCAL TEMPORARY": "LOCAL TEMPORARY"}


class CatalogCalls:
    """`warehouse` gives a cluster's."""

    def __init__(self, targets: Targets, warehouse: Callable[[str], Warehouse | None]) -> None:
        self._targets = targets
        self._warehouse = warehouse

    @operation("ListDatabases")
    async def databases(self, given: Members) -> Output:
        return paged("Databases", [name for (name,) in await self._rows(given, _DATABASES)], given, _MOST)

    @operation("ListSchemas")
    async def schemas(self, given: Members) -> Output:
        found = await self._rows(given, _SCHEMAS, schema=given.get("SchemaPattern", "%"))
        return paged("Schemas", [name for (name,) in found], given, _MOST)

    @operation("ListTables")
    async def tables(self, given: Members) -> Output:
        patterns = {"schema": given.get("SchemaPattern", "%"), "table": given.get("TablePattern", "%")}
        listed = [
            {"name": name, "type": _TYPES.get(kind, kind), "schema": schema}
            for name, kind, schema in await self._rows(given, _TABLES, **patterns)
        ]
        return paged("Tables", listed, given, _MOST)

    @operation("DescribeTable")
    async def columns(self, given: Members) -> Output:
        table = given.get("Table")
        if not table:
            raise Refused("ValidationException", "Table is required.")
        found = await self._rows(given, _COLUMNS, schema=given.get("Schema", "%"), table=table)
        listed = [_column(table, *row) for row in found]
        return {**paged("ColumnList", listed, given, _MOST), "TableName": table}

    async def _rows(self, given: Members, sql: str, **parameters: str) -> list[list[Any]]:
        target = self._targets.of(given)
        warehouse = self._warehouse(target.cluster)
        if target.refusal or warehouse is None:
            raise Refused("DatabaseConnectionException", target.refusal or "Connection to the cluster failed")
        named = [{"name": name, "value": value} for name, value in parameters.items()]
        file = warehouse.results / str(uuid4())
        try:
            answer = await warehouse.run(sql, parameters=named, result=file).answered()
            return Result.of(file, answer).values()
        except (SqlError, ConnectionError) as problem:
            raise Refused("DatabaseConnectionException", f"The database did not answer: {problem}") from problem
        finally:
            file.unlink(missing_ok=True)


def _column(table: str, *row: Any) -> dict[str, Any]:
    name, kind, is_nullable, length, precision, scale, default, schema = row
    found = {
        "name": name,
        "label": name,
        "typeName": _NAMES.get(kind, kind),
        "length": length or 0,
        "precision": precision or 0,
        "scale": scale or 0,
        "nullable": int(is_nullable == "YES"),
        "schemaName": schema,
        "tableName": table,
        "isCaseSensitive": kind.startswith("character"),
        "isCurrency": False,
        "isSigned": kind in _SIGNED,
    }
    return found if default is None else {**found, "columnDefault": default}


_SIGNED = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_NAMES = {
    "bigint": "int8",
    "boolean": "bool",
    "character": "bpchar",
    "character varying": "varchar",
    "double precision": "float8",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
