"""The views of Redshift's catalogue that tools ask, over DuckDB's own."""
# ruff: noqa: S608  # the texts are put together from the constants of this file

from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL

LOAD_ERRORS = f"{INTERNAL}.load_errors"
QUERIES = f"{INTERNAL}.queries"

_HIDDEN = f"('{INTERNAL}', 'main', 'pg_catalog', 'information_schema')"
_CHECK = """(SELECT max(k.constraint_text) FROM duckdb_constraints() k WHERE k.table_oid = c.table_oid
    AND k.constraint_type = 'CHECK' AND k.constraint_column_names = [c.column_name])"""
"""What `tables` says of a text's length."""
_TYPE = f"""CASE c.data_type
    WHEN 'VARCHAR' THEN CASE WHEN {_CHECK} LIKE '%bit_length%' THEN 'character' ELSE 'character varying' END
    WHEN 'INTEGER' THEN 'integer'
    WHEN 'DOUBLE' THEN 'double precision'
    WHEN 'FLOAT' THEN 'real'
    WHEN 'TIMESTAMP' THEN 'timestamp without time zone'
    WHEN 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp with time zone'
    WHEN 'TIME' THEN 'time without time zone'
    WHEN 'JSON' THEN 'super'
    WHEN 'BLOB' THEN 'binary varying'
    WHEN 'HUGEINT' THEN 'numeric'
    ELSE CASE WHEN c.data_type LIKE 'DECIMAL%' THEN 'numeric' ELSE lower(c.data_type) END END"""
_LENGTH = f"""CASE WHEN c.data_type = 'VARCHAR' THEN coalesce(regexp_extract({_CHECK}, '<= (\\d+)\\)', 1)::INT
    // CASE WHEN {_CHECK} LIKE '%bit_length%' THEN 8 ELSE 1 END, 65535) END"""
_IS_NUMERIC = "(c.numeric_precision IS NOT NULL AND c.data_type LIKE 'DECIMAL%')"
_FULL_TYPE = f"""({_TYPE}) || CASE WHEN c.data_type = 'VARCHAR' THEN '(' || ({_LENGTH}) || ')'
    WHEN {_IS_NUMERIC} THEN '(' || c.numeric_precision || ',' || c.numeric_scale || ')' ELSE '' END"""
_COLUMNS = f"""(SELECT c.database_name AS table_catalog, c.schema_name AS table_schema, c.table_name, c.column_name,
    c.column_index::INT AS ordinal_position, c.column_default,
    CASE WHEN c.is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable,
    {_TYPE} AS data_type, ({_LENGTH})::INT AS character_maximum_length,
    CASE WHEN {_IS_NUMERIC} THEN c.numeric_precision END::INT AS numeric_precision,
    CASE WHEN {_IS_NUMERIC} THEN c.numeric_scale END::INT AS numeric_scale, '' AS remarks, {_FULL_TYPE} AS full_type
    FROM duckdb_columns() c WHERE NOT c.internal AND c.schema_name NOT IN {_HIDDEN})"""
_TABLES = f"""(SELECT database_name AS table_catalog,
    CASE WHEN temporary THEN 'pg_temp_1' ELSE schema_name END AS table_schema, table_name,
    CASE WHEN temporary THEN 'LOCAL TEMPORARY' ELSE 'BASE TABLE' END AS table_type, estimated_size, table_oid
    FROM duckdb_tables() WHERE NOT internal AND (temporary OR schema_name NOT IN {_HIDDEN})
    UNION ALL SELECT database_name, schema_name, view_name, 'VIEW', 0, view_oid
    FROM duckdb_views() WHERE NOT internal AND schema_name NOT IN {_HIDDEN})"""
_SCHEMAS = f"""(SELECT DISTINCT database_name AS catalog_name, schema_name, 'awsuser' AS schema_owner
    FROM duckdb_schemas() WHERE NOT internal AND database_name = current_database() AND schema_name NOT IN {_HIDDEN}
    UNION ALL SELECT current_database(), unnest(['pg_catalog', 'information_schema']), 'rdsdb')"""

_VIEWS = {
    "information_schema.columns": f"SELECT * EXCLUDE (remarks, full_type) FROM {_COLUMNS}",
    "information_schema.tables": f"SELECT * EXCLUDE (estimated_size, table_oid) FROM {_TABLES}",
    "information_schema.schemata": f"FROM {_SCHEMAS}",
    "pg_catalog.svv_columns": f"SELECT * EXCLUDE (full_type) FROM {_COLUMNS}",
    "pg_catalog.svv_tables": f"SELECT * EXCLUDE (estimated_size, table_oid), '' AS remarks FROM {_TABLES}",
    "pg_catalog.svv_all_columns": f"""SELECT table_catalog AS database_name, table_schema AS schema_name,
        * EXCLUDE (table_catalog, table_schema, full_type) FROM {_COLUMNS}""",
    "pg_catalog.svv_all_tables": f"""SELECT table_catalog AS database_name, table_schema AS schema_name, table_name,
        CASE table_type WHEN 'BASE TABLE' THEN 'TABLE' ELSE table_type END AS table_type,
        NULL::VARCHAR AS table_acl, '' AS remarks FROM {_TABLES}""",
    "pg_catalog.svv_all_schemas": f"""SELECT catalog_name AS database_name, schema_name, 100 AS schema_owner,
        'local' AS schema_type FROM {_SCHEMAS}""",
    "pg_catalog.svv_redshift_databases": """SELECT current_database() AS database_name, 100 AS database_owner,
        'local' AS database_type, 'Snapshot Isolation' AS database_isolation_level""",
    "pg_catalog.svv_table_info": f"""SELECT table_catalog AS database, table_schema AS schema,
        table_oid::INT AS table_id, table_name AS "table", estimated_size::DECIMAL(38, 0) AS tbl_rows
        FROM {_TABLES} WHERE table_type = 'BASE TABLE'""",
    "pg_catalog.stl_load_errors": f"""SELECT 100 AS userid, 0 AS slice, 0 AS tbl, noted_at AS starttime, 0 AS session,
        query_id AS query, file_name AS filename, line_number, column_name AS colname, column_type AS type, raw_line,
        raw_value AS raw_field_value, code AS err_code, reason AS err_reason FROM {LOAD_ERRORS}""",
    "pg_catalog.sys_load_error_detail": f"""SELECT 100 AS user_id, query_id, current_database() AS database_name,
        noted_at AS start_time, file_name, line_number, column_name, column_type, code AS error_code,
        reason AS error_message FROM {LOAD_ERRORS}""",
    "pg_catalog.sys_query_history": f"""SELECT 100 AS user_id, query_id, session_id, database_name, query_type, status,
        start_time, end_time, queue_time + execution_time AS elapsed_time, queue_time, execution_time, error_message,
        returned_rows, query_text FROM {QUERIES}""",
    "pg_catalog.pg_table_def": f"""SELECT table_schema AS schemaname, table_name AS tablename, column_name AS "column",
        full_type AS type, 'none' AS encoding, false AS distkey, 0 AS sortkey, is_nullable = 'NO' AS "notnull"
        FROM {_COLUMNS} WHERE table_schema = current_schema()""",
    "pg_catalog.pg_tables": f"""SELECT table_schema AS schemaname, table_name AS tablename, 'awsuser' AS tableowner
        FROM {_TABLES} WHERE table_type <> 'VIEW'""",
    "pg_catalog.pg_views": f"""SELECT schema_name AS schemaname, view_name AS viewname, 'awsuser' AS viewowner,
        sql AS definition FROM duckdb_views() WHERE NOT internal AND schema_name NOT IN {_HIDDEN}""",
    "pg_catalog.pg_namespace": f"SELECT schema_name AS nspname, 100 AS nspowner FROM {_SCHEMAS}",
    "pg_catalog.pg_database": "SELECT current_database() AS datname, 100 AS datdba, 6 AS encoding",
    "pg_catalog.pg_user": """SELECT 'awsuser' AS usename, 100 AS usesysid, true AS usecreatedb, true AS usesuper,
        false AS usecatupd, '********' AS passwd""",
}

HISTORY_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS {LOAD_ERRORS} (query_id BIGINT, noted_at TIMESTAMP, file_name VARCHAR,
        line_number BIGINT, column_name VARCHAR, column_type VARCHAR, raw_line VARCHAR,
        raw_value VARCHAR, code INTEGER, reason VARCHAR, table_name VARCHAR)""",
    f"""CREATE TABLE IF NOT EXISTS {QUERIES} (query_id BIGINT, session_id INTEGER, database_name VARCHAR,
        user_name VARCHAR, query_type VARCHAR, status VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP,
        queue_time BIGINT, execution_time BIGINT, returned_rows BIGINT, error_message VARCHAR, query_text VARCHAR)""",
)
"""What the warehouse remembers of its work, which some of the views show; who runs statements writes it."""

CATALOG_VIEWS = tuple(
    f"""CREATE OR REPLACE VIEW {INTERNAL}."{name}" AS {query}""" for name, query in sorted(_VIEWS.items())
)
"""Their definitions. Each is named by Redshift's whole name, in the schema of ours."""


def internal_name(schema: str, name: str) -> str | None:
    """Our view for a relation of the catalogue; a name without schema is looked for in pg_catalog, as on Redshift."""
    whole = f"{schema or 'pg_catalog'}.{name}"
    return whole if whole in _VIEWS else None
