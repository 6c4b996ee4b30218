"""Transactions, maintenance and SHOW: the statements that are a few words."""

from collections.abc import Callable

from infrastructure.embedded.engines.warehouse.dialect.catalog import internal_name
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL
from infrastructure.embedded.engines.warehouse.dialect.reading import Words
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError, Statement, not_here

_LABELS = frozenset({"query_group", "application_name", "client_encoding", "extra_float_digits"})
"""Parameters that name or shape nothing a statement's answer depends on."""
_SHOWN = {
    "search_path": "'\"$user\", public'",
    "timezone": "'UTC'",
    "datestyle": "'ISO, MDY'",
    "server_version": "'8.0.2'",
    "server_encoding": "'UTF8'",
    "client_encoding": "'UTF8'",
    "transaction_isolation": "'SERIALIZABLE'",
    "enable_case_sensitive_identifier": "'off'",
}


_NOT_HERE = (
    "CALL", "CANCEL", "CLOSE", "DEALLOCATE", "DECLARE", "DESC", "EXECUTE", "EXPLAIN", "FETCH", "GRANT", "LOCK",
    "PREPARE", "REFRESH", "REVOKE", "USE",
)  # fmt: skip


def _transaction(sql: str) -> Callable[[Words], Statement]:
    def read(words: Words) -> Statement:
        if not words.accept("WORK"):
            words.accept("TRANSACTION")
        if sql == "BEGIN":
            _modes(words)
        words.end()
        return Statement(sql=sql, kind="transaction", has_result=False)

    return read


def _modes(words: Words) -> None:
    """Redshift reads every isolation level and runs them all as serializable."""
    levels = (("SERIALIZABLE",), ("SNAPSHOT",), ("REPEATABLE", "READ"), ("READ", "COMMITTED"), ("READ", "UNCOMMITTED"))
    if words.accept("ISOLATION", "LEVEL") and not any(words.accept(*level) for level in levels):
        raise words.error()
    words.accept(",")
    if not words.accept("READ", "WRITE"):
        words.accept("READ", "ONLY")


def _start(words: Words) -> Statement:
    words.expect("TRANSACTION")
    return _transaction("BEGIN")(words)


def _quoted(schema: str | None, name: str) -> str:
    if schema is not None and (schema == INTERNAL or schema == "main"):
        raise DialectError(f'schema "{schema}" does not exist')
    return f'"{schema}"."{name}"' if schema else f'"{name}"'


def _maintenance(*modes: str) -> Callable[[Words], Statement]:
    """VACUUM and ANALYZE: nothing to do, but the table must exist, which the text asks."""

    def read(words: Words) -> Statement:
        if words.accept("COMPRESSION"):
            raise not_here("ANALYZE COMPRESSION")
        while words.next in modes:
            words.take()
        if not words:
            return Statement(sql="", kind="nothing", has_result=False)
        table = _quoted(*words.qualified())
        columns = "*"
        if words.accept("("):
            names = [words.name()]
            while words.accept(","):
                names.append(words.name())
            words.expect(")")
            columns = ", ".join(f'"{name}"' for name in names)
        if words.accept("TO"):
            words.number()
            words.expect("PERCENT")
        while words.next in ("BOOST", "PREDICATE", "COLUMNS", "ALL"):
            words.take()
        words.end()
        text = f"SELECT {columns} FROM {table} LIMIT 0"  # noqa: S608  names, quoted
        return Statement(sql=text, kind="nothing", has_result=False)

    return read


def _set(words: Words) -> Statement:
    words.accept("SESSION")
    if words.accept("LOCAL"):
        raise not_here("SET LOCAL")
    name = words.name()
    if not words.accept("TO"):
        words.expect("=")
    values = [words.take()]
    while words.accept(","):
        values.append(words.take())
    words.end()
    if name == "search_path":
        path = ", ".join(value.lower() for value in values if value not in ("$user", INTERNAL))
        return Statement(sql=f"SET search_path = '{path.replace(chr(39), '')}'", kind="nothing", has_result=False)
    if name not in _LABELS:
        raise not_here(f"SET {name}")
    return Statement(sql="", kind="nothing", has_result=False)


def _reset(words: Words) -> Statement:
    name = words.name()
    words.end()
    if name == "search_path":
        return Statement(sql="SET search_path = 'public'", kind="nothing", has_result=False)
    if name not in _LABELS:
        raise not_here(f"RESET {name}")
    return Statement(sql="", kind="nothing", has_result=False)


def _show(words: Words) -> Statement:
    if words.accept("TABLES", "FROM", "SCHEMA"):
        return _show_from(words, "svv_all_tables", "schema_name")
    if words.accept("COLUMNS", "FROM", "TABLE"):
        return _show_from(words, "svv_all_columns", "schema_name", "table_name")
    if words.accept("SCHEMAS", "FROM", "DATABASE"):
        return _show_from(words, "svv_all_schemas", "database_name")
    if words.accept("DATABASES"):
        return _show_from(words, "svv_redshift_databases")
    name = words.name()
    words.end()
    if name not in _SHOWN:
        raise DialectError(f'unrecognized configuration parameter "{name}"')
    return Statement(sql=f'SELECT {_SHOWN[name]} AS "{name}"', kind="show", has_result=True)


def _show_from(words: Words, view: str, *columns: str) -> Statement:
    """Rows of a view of the catalogue whose last `columns` are the name that follows, from its right end."""
    names: list[str] = []
    if columns:
        names.append(words.name())
        while words.accept("."):
            names.append(words.name())
    words.end()
    given = zip(reversed(columns), reversed(names), strict=False)
    where = " AND ".join(f"\"{column}\" = '{name}'" for column, name in given) or "true"
    ours = internal_name("pg_catalog", view)
    text = f'SELECT * FROM {INTERNAL}."{ours}" WHERE {where}'  # noqa: S608  names, which hold no quotes
    return Statement(sql=text, kind="show", has_result=True)


def _not_here(word: str) -> Callable[[Words], Statement]:
    def read(_words: Words) -> Statement:
        raise not_here(word)

    return read


READERS: dict[str, Callable[[Words], Statement]] = {
    "BEGIN": _transaction("BEGIN"),
    "START": _start,
    "COMMIT": _transaction("COMMIT"),
    "END": _transaction("COMMIT"),
    "ROLLBACK": _transaction("ROLLBACK"),
    "ABORT": _transaction("ROLLBACK"),
    "VACUUM": _maintenance("FULL", "SORT", "ONLY", "DELETE", "REINDEX", "RECLUSTER"),
    "ANALYZE": _maintenance("VERBOSE"),
    "SET": _set,
    "RESET": _reset,
    "SHOW": _show,
    **{word: _not_here(word) for word in _NOT_HERE},
}
"""By first word."""
