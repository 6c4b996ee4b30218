"""How a DuckDB has to be set up before the translated statements may run in it."""

from infrastructure.embedded.engines.warehouse.dialect.catalog import CATALOG_VIEWS
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL, MACROS

SETUP = (
    f"CREATE SCHEMA IF NOT EXISTS {INTERNAL}",
    "CREATE SCHEMA IF NOT EXISTS public",
    *MACROS,
    *CATALOG_VIEWS,
)
"""Run once per open file, in this order, before `LOCKED_SETTINGS`. Each may run again."""

LOCKED_SETTINGS = (
    ("enable_external_access", "false"),
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    ("allow_community_extensions", "false"),
    ("allow_unsigned_extensions", "false"),
    ("allow_persistent_secrets", "false"),
    ("python_enable_replacements", "false"),
    ("integer_division", "true"),
    ("default_null_order", "'nulls_last'"),
    ("TimeZone", "'UTC'"),
    ("search_path", "'public'"),
    ("lock_configuration", "true"),
)
"""`SET name = value`, in this order: the last one closes the door.

The first seven shut files, network and extensions, the others make DuckDB's arithmetic and order Redshift's. DuckDB still lets a
session set its `search_path` afterwards, and a new cursor begins without the one here: it has to be set for each.
"""
