"""How a DuckDB has to be set up before the translated statements may run in it."""

from infrastructure.embedded.engines.warehouse.dialect.catalog import CATALOG_VIEWS
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL, MACROS

SETUP = (
    f"CREATE SCHEMA IF NOT EXISTS {INTERNAL}",
    "CREATE SCHEMA IF NOT EXISTS public",
    *MACROS,
    *CATALOG_VIEWS,
)
"""Statements to run once per open file, in this order, before `LOCKED_SETTINGS`. Each may run again."""

LOCKED_SETTINGS = (
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL allow_unsigned_extensions = false",
    "SET GLOBAL allow_persistent_secrets = false",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL integer_division = true",
    "SET GLOBAL default_null_order = 'nulls_last'",
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL lock_configuration = true",
)
"""Statements to run once per process after `SETUP`, in this order: the last one closes the door, and limits of memory and
threads are set before it.

The first seven shut files, network and extensions, the next three make DuckDB's arithmetic and order Redshift's. They are global:
what is set on one connection alone does not hold for its cursors.
"""

SESSION_SETUP = ("SET search_path = 'public'",)
"""Statements to run first on each cursor: a session begins without a search path, and may change it despite the lock."""
