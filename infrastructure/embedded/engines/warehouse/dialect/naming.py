"""What a column of a result is called that has no AS: Redshift's rules, which are PostgreSQL's."""

from sqlglot import exp

from infrastructure.embedded.engines.warehouse.dialect.grammar import NAME

UNNAMED = "?column?"
_AS_REDSHIFT_HAS_IT = {
    "dateadd": "date_add",
    "datediff": "date_diff",
    "date_part": "pgdate_part",
    "decode": "case",
    "nvl": "coalesce",
    "trim": "btrim",
}
_NODES: dict[type[exp.Expr], str] = {
    exp.Case: "case",
    exp.DecodeCase: "case",
    exp.Extract: "date_part",
    exp.Trim: "btrim",
    exp.StrPosition: "strpos",
    exp.Substring: "substring",
    exp.CurrentDate: "date",
    exp.CurrentTimestamp: "timestamptz",
    exp.Ceil: "ceil",
    exp.Floor: "floor",
    exp.CurrentUser: "current_user",
    exp.CurrentSchema: "current_schema",
    exp.ApproxDistinct: "count",
    exp.ApproxQuantile: "percentile_disc",
}
_TYPES = {
    exp.DType.BIGINT: "int8", exp.DType.BOOLEAN: "bool", exp.DType.CHAR: "bpchar", exp.DType.DECIMAL: "numeric",
    exp.DType.DOUBLE: "float8", exp.DType.FLOAT: "float4", exp.DType.INT: "int4", exp.DType.SMALLINT: "int2",
    exp.DType.TEXT: "text", exp.DType.TIMESTAMPTZ: "timestamptz",
}  # fmt: skip


def name_columns(tree: exp.Expr) -> None:
    """Gives every column of every SELECT below `tree` that has no name the one it has in Redshift."""
    for select in tree.find_all(exp.Select):
        select.set("expressions", [_named(column) for column in select.expressions])


def _named(column: exp.Expr) -> exp.Expr:
    if isinstance(column, exp.Alias | exp.Aliases | exp.Column | exp.Star):
        return column
    return exp.alias_(column, name_of(column) or UNNAMED, quoted=True)


def name_of(column: exp.Expr) -> str | None:
    """The name an expression lends to its column; None if it has none to lend."""
    if isinstance(column, exp.Column | exp.Identifier):
        return column.name.lower()
    if isinstance(column, exp.Dot):
        return name_of(column.expression)
    if isinstance(column, exp.Bracket | exp.Paren | exp.Window | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        return name_of(column.this)
    if isinstance(column, exp.Cast):
        return name_of(column.this) or _type_name(column.to)
    if isinstance(column, exp.CurrentTimestamp) and column.args.get("sysdate"):
        return "timestamp"
    written = column.meta.get(NAME) or (column.this if isinstance(column, exp.Anonymous) else None)
    if written:
        name = str(written.name if isinstance(written, exp.Expr) else written).lower()
        return _AS_REDSHIFT_HAS_IT.get(name, name)
    return next((name for node, name in _NODES.items() if isinstance(column, node)), None)


def _type_name(to: exp.DataType) -> str:
    return _TYPES.get(to.this) or str(to.this.value).lower()
