"""Redshift's SQL as DuckDB's. Pure: text in, text out; who runs it sets `LOCKED_SETTINGS` and makes `SETUP` first.

    text ── statements by their first word ─┬─ SELECT, INSERT, CREATE … ── grammar (sqlglot) ── rewriting ── DuckDB's text
                                            ├─ COPY, UNLOAD ── loads
                                            └─ BEGIN, VACUUM, SHOW … ── commands

Two walls keep a statement off files, network and extensions: here, only listed statements and listed functions are passed on;
in the engine, `LOCKED_SETTINGS` shut what DuckDB could reach, and are locked.
"""

from infrastructure.embedded.engines.warehouse.dialect.catalog import CATALOG_VIEWS
from infrastructure.embedded.engines.warehouse.dialect.macros import MACROS
from infrastructure.embedded.engines.warehouse.dialect.refusals import in_redshifts_words
from infrastructure.embedded.engines.warehouse.dialect.settings import LOCKED_SETTINGS, SETUP
from infrastructure.embedded.engines.warehouse.dialect.statement import Copy, DialectError, Kind, Statement, Unload
from infrastructure.embedded.engines.warehouse.dialect.translation import translate

__all__ = (
    "CATALOG_VIEWS",
    "LOCKED_SETTINGS",
    "MACROS",
    "SETUP",
    "Copy",
    "DialectError",
    "Kind",
    "Statement",
    "Unload",
    "in_redshifts_words",
    "translate",
)
