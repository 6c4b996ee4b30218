"""COPY inside a warehouse: files in, rows out, and what is wrong with those that do not come in.

    files ── read as text ──▶ every value tried for its column ──┬─ as many bad rows as MAXERROR allows ──▶ INSERT
                                                                 └─ more ──▶ nothing is loaded, the load fails

Everything is text first, so that a bad value is a bad row, with its line and column, and not the end of the statement.
Source: Amazon Redshift Database Developer Guide, "COPY".
"""

# ruff: noqa: S608 - all that goes into the SQL here is a quoted name or text, or of this package

from typing import Any

from infrastructure.embedded.engines.warehouse.loading.plan import LINE, MOST_SHOWN, RAW, Column, Plan, literal, quoted
from infrastructure.embedded.engines.warehouse.loading.texts import read
from infrastructure.embedded.engines.warehouse.loading.values import bad_values, is_bad, value_of


def load(cursor: Any, insert: str, plan: Plan) -> dict[str, Any]:
    """Carry `plan` out by `insert` (`INSERT INTO t (a)`): how many rows came in, and which did not, and why.

    When there are more bad ones than the plan allows, `failed` is true and nothing came in.
    """
    columns = columns_of(cursor, plan)
    errors = list(read(cursor, plan, columns))
    bad = bad_values(cursor, plan, columns, len(errors))
    errors += bad
    count = len({(each["file"], each["line"]) for each in errors})
    if count > plan.max_error:
        return {"failed": True, "changed": 0, "errors": errors[:MOST_SHOWN]}
    changed = 0
    if not plan.is_dry:
        values = ", ".join(value_of(each, plan) for each in columns)
        good = f" WHERE NOT ({is_bad(columns, plan)})" if bad else ""
        cursor.execute(f"{insert} SELECT {values} FROM {RAW}{good} ORDER BY {quoted(LINE)}")
        changed = int(cursor.fetchone()[0])
    cursor.execute(f"DROP TABLE {RAW}")
    return {"failed": False, "changed": changed, "errors": errors[:MOST_SHOWN]}


def columns_of(cursor: Any, plan: Plan) -> list[Column]:
    """The columns that the rows are for, as the table has them."""
    listed = ", ".join(map(quoted, plan.columns)) or "*"
    cursor.execute(f"SELECT {listed} FROM {plan.target} LIMIT 0")
    kinds = [(each[0], str(each[1])) for each in cursor.description]
    cursor.execute(f"DESCRIBE {plan.target}")
    required = {row[0] for row in cursor.fetchall() if row[2] == "NO"}
    lengths = _lengths(cursor, plan)
    return [
        Column(name=name, kind=kind, is_required=name in required, length=lengths.get(name, 0)) for name, kind in kinds
    ]


def _lengths(cursor: Any, plan: Plan) -> dict[str, int]:
    """Bytes that the texts may have, which stand in the checks that the dialect makes of their types."""
    schema = literal(plan.schema) if plan.schema else "'public'"
    cursor.execute(
        "SELECT constraint_column_names[1], regexp_extract(constraint_text, '<= (\\d+)', 1), constraint_text "
        f"FROM duckdb_constraints() WHERE constraint_type = 'CHECK' AND table_name = {literal(plan.table)} "
        f"AND (schema_name = {schema} OR database_name = 'temp')"
    )
    return {
        name: int(number) // (8 if "bit_length" in text else 1) for name, number, text in cursor.fetchall() if number
    }
