"""Redshift's SQL as DuckDB's. Pure: text in, text out; who runs it runs `SETUP` and sets `LOCKED_SETTINGS` first.

    text ── statements by their first word ─┬─ SELECT, INSERT, CREATE … ── grammar (sqlglot) ── rewriting ── text
                                            ├─ COPY, UNLOAD ── loads
                                            └─ BEGIN, VACUUM, SHOW … ── commands

Two walls keep a statement off files, network and extensions: here, only listed statements and listed functions are
passed on; in the engine, `LOCKED_SETTINGS` shut what DuckDB could reach, and are locked.
"""

from infrastructure.embedded.engines.warehouse.dialect.catalog import CATALOG_VIEWS
from infrastructure.embedded.engines.warehouse.dialect.macros import MACROS
from infrastructure.embedded.engines.warehouse.dialect.refusals import in_redshifts_words
from infrastructure.embedded.engines.warehouse.dialect.settings import LOCKED_SETTINGS, SESSION_SETUP, SETUP
from infrastructure.embedded.engines.warehouse.dialect.statement import Copy, DialectError, Kind, Statement, Unload


def translate(sql: str) -> tuple[Statement, ...]:
    """The statements of a text, as DuckDB takes them; `DialectError` where there are none such."""
    # The first call costs the grammar's import, half a second: a warehouse answers before that.
    from infrastructure.embedded.engines.warehouse.dialect import translation

    return translation.translate(sql)


__all__ = (
    "CATALOG_VIEWS",
    "LOCKED_SETTINGS",
    "MACROS",
    "SESSION_SETUP",
    "SETUP",
    "Copy",
    "DialectError",
    "Kind",
    "Statement",
    "Unload",
    "in_redshifts_words",
    "translate",
)
