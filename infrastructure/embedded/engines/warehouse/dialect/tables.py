"""CREATE, ALTER and DROP: what DuckDB's tables hold of Redshift's, and what is left out.

- Where rows lie (DISTKEY, SORTKEY, DISTSTYLE, ENCODE, BACKUP) is left out: one node holds them all.
- PRIMARY KEY, UNIQUE and FOREIGN KEY are left out, too. Redshift takes them for information and lets doubles in; the
  columns of a primary key are not null, though.
- The length of a text is a CHECK on its bytes, so that a longer value is refused. A column that is added later has
  none, since DuckDB adds columns without constraints; nor has a table made by AS or LIKE.
- IDENTITY is a sequence named after the table, since a table has one such column at most.
"""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from infrastructure.embedded.engines.warehouse.dialect.calls import as_sql, sql_of
from infrastructure.embedded.engines.warehouse.dialect.rewriting import length_of_column, rewrite
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError, not_here

_KEPT_PROPERTIES = (exp.TemporaryProperty,)
_DROPPED_PROPERTIES = (
    exp.DistStyleProperty,
    exp.DistKeyProperty,
    exp.SortKeyProperty,
    exp.BackupProperty,
    exp.EncodeProperty,
)
_KEPT_CONSTRAINTS = (exp.NotNullColumnConstraint, exp.DefaultColumnConstraint)
_READ_CONSTRAINTS = (
    *_KEPT_CONSTRAINTS,
    exp.EncodeColumnConstraint,
    exp.GeneratedAsIdentityColumnConstraint,
    exp.PrimaryKeyColumnConstraint,
    exp.Reference,
    exp.UniqueColumnConstraint,
)
_READ_PARTS = (exp.ColumnDef, exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint, exp.Constraint)


def define(tree: exp.Expr) -> str:
    """DuckDB's text for a statement of data definition."""
    writer = _WRITERS.get(type(tree))
    if writer is None:
        raise not_here(tree.sql("redshift"))
    return writer(tree)


def _create(tree: exp.Create) -> str:
    kind = str(tree.kind).upper()
    if kind not in ("TABLE", "VIEW", "SCHEMA"):
        raise not_here(f"CREATE {kind}")
    _properties(tree)
    if kind == "TABLE" and isinstance(tree.this, exp.Schema):
        return _create_table(tree, tree.this)
    tree.set("no_schema_binding", None)
    return sql_of(rewrite(tree))


def _properties(tree: exp.Create) -> None:
    kept: list[exp.Expr] = []
    properties = tree.args.get("properties")
    for each in properties.expressions if properties else ():
        if isinstance(each, _KEPT_PROPERTIES):
            kept.append(each)
        elif not isinstance(each, _DROPPED_PROPERTIES):
            raise not_here(f"CREATE {tree.kind} … {each.sql('redshift')}")
    name = tree.find(exp.Table)
    if str(tree.kind).upper() == "TABLE" and name is not None and name.name.startswith("#"):
        kept = [exp.TemporaryProperty()]
    tree.set("properties", exp.Properties(expressions=kept) if kept else None)


def _create_table(tree: exp.Create, schema: exp.Schema) -> str:
    like = next((part for part in schema.expressions if isinstance(part, exp.LikeProperty)), None)
    if like is not None:
        if len(schema.expressions) > 1:
            raise not_here("CREATE TABLE with LIKE beside other columns")
        tree.set("this", schema.this)
        tree.set("expression", exp.select("*").from_(like.this).limit(0))
        return sql_of(rewrite(tree))
    if tree.expression:
        return sql_of(rewrite(tree))
    if odd := next((part for part in schema.expressions if not isinstance(part, _READ_PARTS)), None):
        raise DialectError(f'syntax error at or near "{odd.sql("redshift")}"')
    keys = {name for part in schema.expressions if isinstance(part, exp.PrimaryKey) for name in _names(part)}
    columns = [part for part in schema.expressions if isinstance(part, exp.ColumnDef)]
    sequences = [sequence for column in columns if (sequence := _column(column, schema.this, keys, tree))]
    if len(sequences) > 1:
        raise DialectError("multiple identity columns in one table are not supported")
    schema.set("expressions", columns)
    return "; ".join([*sequences, sql_of(rewrite(tree))])


def _names(key: exp.PrimaryKey) -> list[str]:
    return [part.name.lower() for part in key.expressions]


def _column(column: exp.ColumnDef, table: exp.Expr, keys: set[str], tree: exp.Create) -> str | None:
    """Makes the column DuckDB's; gives the text that makes its sequence, if it has one."""
    kinds = _kinds(column)
    if odd := next((kind for kind in kinds if not isinstance(kind, _READ_CONSTRAINTS)), None):
        raise DialectError(f'syntax error at or near "{odd.sql("redshift")}"')
    kept: list[exp.Expr] = [kind for kind in kinds if isinstance(kind, _KEPT_CONSTRAINTS)]
    is_key = column.name.lower() in keys or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    if is_key and not any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kept):
        kept.append(exp.NotNullColumnConstraint())
    identity = next((kind for kind in kinds if isinstance(kind, exp.GeneratedAsIdentityColumnConstraint)), None)
    sequence = None
    if identity is not None:
        name = _sequence(table)
        temporary = "TEMPORARY " if tree.args.get("properties") else ""
        start, step = (
            sql_of(identity.args.get("start") or exp.Literal.number(1)),
            sql_of(identity.args.get("increment") or exp.Literal.number(1)),
        )
        sequence = f"CREATE {temporary}SEQUENCE IF NOT EXISTS {name} START WITH {start} INCREMENT BY {step}"
        kept.append(exp.DefaultColumnConstraint(this=as_sql(f"nextval('{name}')")))
        kept.append(exp.NotNullColumnConstraint())
    if isinstance(column.kind, exp.DataType) and (length := length_of_column(column.kind)) is not None:
        kept.append(exp.CheckColumnConstraint(this=_at_most(column, length)))
    column.set("constraints", [exp.ColumnConstraint(kind=kind) for kind in kept])
    return sequence


def _kinds(column: exp.ColumnDef) -> list[exp.Expr]:
    """Its constraints; what sqlglot has among them without a kind stands for itself."""
    return [each.args.get("kind") or each for each in column.args.get("constraints") or ()]


def _at_most(column: exp.ColumnDef, length: int) -> exp.Expr:
    """What the column may hold. The two ways to say it tell the catalogue CHAR and VARCHAR apart."""
    name = column.name.lower().replace('"', '""')
    is_fixed = column.kind is not None and column.kind.this in (exp.DType.CHAR, exp.DType.NCHAR, exp.DType.BPCHAR)
    return as_sql(f'bit_length("{name}") <= {8 * length}' if is_fixed else f'strlen("{name}") <= {length}')


def _sequence(table: exp.Expr) -> str:
    """The name of the table's sequence, quoted; beside it, in its schema."""
    named = table.find(exp.Table)
    if named is None:
        raise not_here(table.sql("redshift"))
    schema = f'"{named.db.lower()}".' if named.db else ""
    return f'{schema}"{named.name.lower()}_identity"'


def _drop(tree: exp.Drop) -> str:
    kind = str(tree.args["kind"]).upper()
    if kind not in ("TABLE", "VIEW", "SCHEMA"):
        raise not_here(f"DROP {kind}")
    tables = tree.args.get("tables") or []
    texts = []
    for table in tables:
        one = tree.copy()
        one.set("tables", [table.copy()])
        texts.append(sql_of(rewrite(one)))
        if kind == "TABLE":
            texts.append(f"DROP SEQUENCE IF EXISTS {_sequence(table)}")
    return "; ".join(texts)


def _alter(tree: exp.Alter) -> str:
    actions = tree.args.get("actions") or []
    if str(tree.args.get("kind")).upper() != "TABLE" or len(actions) != 1:
        raise not_here(tree.sql("redshift"))
    (action,) = actions
    if isinstance(action, exp.AddConstraint):
        return ""
    if isinstance(action, exp.ColumnDef):
        _column_added(action)
    elif not isinstance(action, exp.Drop | exp.AlterRename | exp.RenameColumn):
        raise not_here(tree.sql("redshift"))
    return sql_of(rewrite(tree))


def _column_added(column: exp.ColumnDef) -> None:
    """DuckDB adds a column without CHECK and without NOT NULL; Redshift wants a default with the latter."""
    kinds = _kinds(column)
    if any(isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) for kind in kinds):
        raise DialectError("ALTER TABLE ADD COLUMN cannot be used with an identity column")
    defaults = [kind for kind in kinds if isinstance(kind, exp.DefaultColumnConstraint)]
    if not defaults and any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds):
        raise DialectError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    column.set("constraints", [exp.ColumnConstraint(kind=kind) for kind in defaults])


def _as_it_is(tree: exp.Expr) -> str:
    return sql_of(rewrite(tree))


_WRITERS: dict[type[exp.Expr], Callable[[Any], str]] = {
    exp.Create: _create,
    exp.Drop: _drop,
    exp.Alter: _alter,
    exp.TruncateTable: _as_it_is,
    exp.Comment: _as_it_is,
}
