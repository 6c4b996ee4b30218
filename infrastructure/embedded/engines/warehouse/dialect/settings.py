"""How a DuckDB has to be set up before the translated statements may run in it."""

from infrastructure.embedded.engines.warehouse.dialect.catalog import CATALOG_VIEWS, HISTORY_TABLES
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL, MACROS

SETUP = (
    f"CREATE SCHEMA IF NOT EXISTS {INTERNAL}",
    "CREATE SCHEMA IF NOT EXISTS public",
    *MACROS,
    *HISTORY_TABLES,
    *CATALOG_VIEWS,
)
"""Statements to run once per open file, in this order, before `LOCKED_SETTINGS`. Each may run again."""

LOCKED_SETTINGS = (
    ("GLOBAL enable_external_access", "false"),
    ("GLOBAL autoinstall_known_extensions", "false"),
    ("GLOBAL autoload_known_extensions", "false"),
    ("GLOBAL allow_community_extensions", "false"),
    ("GLOBAL allow_unsigned_extensions", "false"),
    ("GLOBAL allow_persistent_secrets", "false"),
    ("GLOBAL python_enable_replacements", "false"),
    ("GLOBAL integer_division", "true"),
    ("GLOBAL default_null_order", "'nulls_last'"),
    ("GLOBAL TimeZone", "'UTC'"),
    ("GLOBAL lock_configuration", "true"),
)
"""`SET name = value`, once per process after `SETUP`, in this order: the last one closes the door, so that memory and
threads are set before.

The first seven shut files, network and extensions, the next three make DuckDB's arithmetic and order Redshift's. They
are global: what is set on one connection alone does not hold for its cursors.
"""

SESSION_SETUP = ("SET search_path = 'public'",)
"""Statements to run first on each cursor: it begins without a search path, and may change it despite the lock."""
