"""The pass over the tree between Redshift's grammar and DuckDB's: a rule per kind of node, leaves first."""

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlglot import exp
from sqlglot.transforms import eliminate_join_marks

from infrastructure.embedded.engines.warehouse.dialect import calls
from infrastructure.embedded.engines.warehouse.dialect.catalog import internal_name
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError, not_here

Node = TypeVar("Node", bound=exp.Expr)
_UNITS = {
    "QTR": "QUARTER",
    "QTRS": "QUARTER",
    "C": "CENTURY",
    "CENT": "CENTURY",
    "MIL": "MILLENNIUM",
    "MILS": "MILLENNIUM",
}
_WORDS = re.compile(r"\w+( \w+)*")
_OURS = frozenset({INTERNAL, "main", "temp", "system"})
_CATALOGS = frozenset({"pg_catalog", "information_schema"})
_DUCKDBS_OWN = re.compile(r"duckdb_|sqlite_|pragma_|pg_")
_TEXTS = frozenset({exp.DType.CHAR, exp.DType.NCHAR, exp.DType.VARCHAR, exp.DType.NVARCHAR, exp.DType.BPCHAR})
_NOT_HERE = frozenset({exp.DType.GEOMETRY, exp.DType.GEOGRAPHY, exp.DType.HLLSKETCH, exp.DType.USERDEFINED})


def rewrite(tree: exp.Expr) -> exp.Expr:
    """The tree DuckDB's generator writes. Raises `DialectError` for what must not, or cannot, be passed on."""
    if any(column.args.get("join_mark") for column in tree.find_all(exp.Column)):
        tree = _outer_joined(tree)
    for node in reversed(list(tree.walk(bfs=True))):
        if (rule := _RULES.get(type(node))) is not None and (other := rule(node)) is not node:
            if node is tree:
                tree = other
            else:
                node.replace(other)
    return tree


def _outer_joined(tree: exp.Expr) -> exp.Expr:
    """`a.x = b.x(+)` as the outer join it stands for."""
    try:
        return eliminate_join_marks(tree)
    except (AssertionError, KeyError, AttributeError) as puzzled:  # what sqlglot cannot untangle
        raise not_here("(+) on this place") from puzzled


def _identifier(node: exp.Identifier) -> exp.Expr:
    """Names are folded to small letters, quoted or not: enable_case_sensitive_identifier is off by default."""
    node.set("this", node.name.lower())
    node.set("quoted", True)
    return node


def _word(node: exp.Var) -> exp.Expr:
    """A word of the grammar, as `day` in DATEADD: it is written as it stands, so it may be no more than words."""
    if not node.meta.get(calls.OURS) and _WORDS.fullmatch(node.name) is None:
        raise DialectError(f'syntax error at or near "{node.name[:64]}"')
    return node


def _table(node: exp.Table) -> exp.Expr:
    if not node.args.get("this") or not node.this.name:
        return _schema(node)
    if not isinstance(node.this, exp.Identifier):
        if isinstance(node.this, exp.Dot | exp.Func | exp.Anonymous):
            raise DialectError("a function in FROM is not answered by the embedded warehouse")
        raise DialectError(f'syntax error at or near "{node.name}"')
    schema, name = node.db, node.name
    whole = f"{schema}.{name}" if schema else name
    if schema in _OURS or node.catalog in _OURS or re.search(r"[./\\:*]", name):
        raise DialectError(f'relation "{whole}" does not exist')
    ours = None if _is_cte(node) else internal_name(schema, name)
    if ours is not None:
        if not isinstance(node.parent, exp.From | exp.Join):
            raise DialectError(f'permission denied: "{name}" is a system catalog')
        return exp.Table(
            this=exp.to_identifier(ours, quoted=True),
            db=exp.to_identifier(INTERNAL, quoted=True),
            alias=node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True)),
        )
    if schema in _CATALOGS or (not schema and _DUCKDBS_OWN.match(name) and not _is_cte(node)):
        raise DialectError(f'relation "{whole}" does not exist')
    return node


def _schema(node: exp.Table) -> exp.Expr:
    """The name of CREATE SCHEMA and DROP SCHEMA."""
    if node.db in _OURS | _CATALOGS or node.db.startswith("pg_"):
        raise DialectError(f'unacceptable schema name "{node.db}"')
    return node


def _is_cte(node: exp.Table) -> bool:
    """Whether a WITH around the reference gives the name a meaning of its own."""
    ancestor = node.parent
    while ancestor is not None:
        if (with_ := ancestor.args.get("with_")) and any(cte.alias.lower() == node.name for cte in with_.expressions):
            return True
        ancestor = ancestor.parent
    return False


def _anonymous(node: exp.Anonymous) -> exp.Expr:
    if node.name.upper() == "VALUES" and isinstance(node.parent, exp.Tuple):
        return node
    return calls.call(node.name, node.expressions)


def _dot(node: exp.Dot) -> exp.Expr:
    """`schema.function()`: of schema pg_catalog only. Other dots are paths into SUPER."""
    if isinstance(node.expression, exp.Identifier | exp.Star):
        return node
    if node.this.name != "pg_catalog":
        raise DialectError(f'schema "{node.this.name}" does not exist')
    return cast("exp.Expr", node.expression)


def _window(node: exp.Window) -> exp.Expr:
    """The frame goes to each aggregate of the quotient that a function has become."""
    if (average := _internal(node.this, "avg")) is not None:
        average.set("this", "avg_over")
        return node
    if not (isinstance(node.this, exp.Paren) and isinstance(node.this.this, exp.Div)):
        return node
    quotient = node.this.this
    parts = [_over(node, part) for part in (quotient.this, quotient.expression)]
    return exp.paren(exp.Div(this=parts[0], expression=parts[1]), copy=False)


def _internal(node: exp.Expr, name: str) -> exp.Anonymous | None:
    """The call, if `node` is one of our macro of that name."""
    if not (isinstance(node, exp.Dot) and node.this.name == INTERNAL and isinstance(node.expression, exp.Anonymous)):
        return None
    return node.expression if node.expression.name == name else None


def _division(node: exp.Div) -> exp.Expr:
    """What is divided keeps its type, which DuckDB makes a DOUBLE of, as far as it can be told without the tables."""
    if (dividend := _internal(node.this, "sum")) is not None:
        return calls.macro("sum_by", [*dividend.expressions, node.expression])
    if _is_numeric(node.this) or _is_numeric(node.expression):
        return calls.macro("quotient", [node.this, node.expression])
    return node


def _is_numeric(node: exp.Expr) -> bool:
    """Whether it is written as NUMERIC: 1.5, a cast, or what is reckoned with one of them."""
    if isinstance(node, exp.Literal):
        return not node.is_string and "." in node.name and "e" not in node.name.lower()
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DType.DECIMAL)
    if isinstance(node, exp.Paren | exp.Neg):
        return _is_numeric(node.this)
    if isinstance(node, exp.Mul | exp.Add | exp.Sub):
        return _is_numeric(node.this) or _is_numeric(node.expression)
    return _internal(node, "quotient") is not None


def _over(frame: exp.Window, part: exp.Expr) -> exp.Expr:
    if not isinstance(part, exp.Anonymous):
        return part
    window = frame.copy()
    window.set("this", part)
    return window


def _cast(node: exp.Cast) -> exp.Expr:
    """A text cast to a length is cut to it, where an assignment would be refused."""
    to = node.to
    length = _length(to) if to.this in _TEXTS else None
    _as_duckdbs(to)
    if length is None:
        return node
    return exp.Anonymous(this="left", expressions=[node.copy(), exp.Literal.number(length)])


def _length(to: exp.DataType) -> int | None:
    """The bytes a text type may hold; None without a length of its own."""
    if not to.expressions:
        return None
    text = to.expressions[0].name
    if text.upper() == "MAX":
        return 65_535
    if not text.isdigit():
        raise DialectError(f'syntax error at or near "{text}"')
    return int(text)


def length_of_column(to: exp.DataType) -> int | None:
    """That of a column's type: VARCHAR alone is 256 bytes, CHAR alone is one. None if it is no text."""
    if to.this == exp.DType.TEXT:
        return 256
    if to.this not in _TEXTS:
        return None
    return _length(to) or (1 if to.this in (exp.DType.CHAR, exp.DType.NCHAR) else 256)


def _data_type(node: exp.DataType) -> exp.Expr:
    return node if isinstance(node.parent, exp.Cast) else _as_duckdbs(node)


def _as_duckdbs(node: exp.DataType) -> exp.Expr:
    if node.this in _NOT_HERE:
        raise DialectError(f"type {node.sql('redshift').lower()} is not answered by the embedded warehouse")
    if node.this in _TEXTS:
        node.set("this", exp.DType.TEXT)
        node.set("expressions", None)
    elif node.this == exp.DType.SUPER:
        node.set("this", exp.DType.JSON)
    elif node.this == exp.DType.DECIMAL and not node.expressions:
        node.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(n)) for n in (18, 0)])
    elif node.this == exp.DType.VARBINARY:
        node.set("expressions", None)
    return node


def _like(node: exp.Like | exp.ILike) -> exp.Expr:
    r"""The escape is `\` unless the statement names another."""
    pattern = node.expression
    if isinstance(node.parent, exp.Escape) or (isinstance(pattern, exp.Literal) and "\\" not in pattern.name):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _similar(node: exp.SimilarTo) -> exp.Expr:
    """DuckDB's SIMILAR TO knows regular expressions, not SQL's `%` and `_`."""
    pattern = node.expression
    if not isinstance(pattern, exp.Literal):
        raise DialectError("SIMILAR TO with a pattern that is not a literal is not answered by the embedded warehouse")
    pattern.set("this", re.sub(r"\\.|%|_", lambda m: {"%": ".*", "_": "."}.get(m[0], m[0]), pattern.name))
    return node


def _sysdate(node: exp.CurrentTimestamp) -> exp.Expr:
    return calls.macro("sysdate", []) if node.args.get("sysdate") else node


def _approximate(node: exp.ApproxQuantile) -> exp.Expr:
    """The exact one: it is among the values, as Redshift's is, and within the error Redshift allows itself."""
    return exp.Anonymous(this="quantile_disc", expressions=[node.this, node.args["quantile"]])


def _within_group(node: exp.WithinGroup) -> exp.Expr:
    inner = node.this
    if not (isinstance(inner, exp.Anonymous) and inner.name == "listagg"):
        return node
    value, separator = inner.expressions
    ordered = exp.Order(this=separator, expressions=node.expression.expressions)
    return exp.Anonymous(this="listagg", expressions=[value, ordered])


def _insert_of_merge(node: exp.When) -> exp.Expr:
    """`INSERT VALUES (…)` without columns is read as a list of columns."""
    then = node.args.get("then")
    if isinstance(then, exp.Insert) and isinstance(then.this, exp.Tuple) and not then.expression:
        values = then.this.expressions[0] if len(then.this.expressions) == 1 else None
        if not isinstance(values, exp.Anonymous):
            raise DialectError("syntax error at end of input")
        then.set("expression", exp.Tuple(expressions=values.expressions))
        then.set("this", None)
    return node


def _values(node: exp.Values) -> exp.Expr:
    return node if isinstance(node.parent, exp.Insert) else _refuse(node)


def _refuse(node: exp.Expr) -> exp.Expr:
    raise DialectError(f'syntax error at or near "{node.sql("redshift")[:64]}"')


def _parameter(node: exp.Parameter) -> exp.Expr:
    raise DialectError(f"there is no parameter ${node.name}")


def _distinct(node: exp.Distinct) -> exp.Expr:
    return _refuse(node) if node.args.get("on") else node


def _date_trunc(node: exp.TimestampTrunc) -> exp.Expr:
    """A date in quotes is a timestamp, and comes out as one."""
    if isinstance(node.this, exp.Literal):
        node.set("this", exp.cast(node.this.copy(), "TIMESTAMP"))
    if (unit := _UNITS.get(node.text("unit").upper())) is not None:
        node.set("unit", exp.Literal.string(unit))
    return node


def _delete(node: exp.Delete) -> exp.Expr:
    """FROM may be left out."""
    tables = node.args.get("tables")
    if tables and not node.args.get("this"):
        node.set("this", tables[0])
        node.set("tables", None)
    return node


def _user(_node: exp.CurrentUser | exp.SessionUser) -> exp.Expr:
    return calls.macro("current_user", [])


def _extract(node: exp.Extract) -> exp.Expr:
    """A whole number, where DuckDB has fractions of a second since 1970."""
    return exp.cast(exp.func("floor", node.copy()), "BIGINT") if node.name.upper() == "EPOCH" else node


def _unnest(node: exp.Unnest) -> exp.Expr:
    """`FROM t, t.items AS item` walks an array of SUPER."""
    node.set("expressions", [exp.cast(each, "JSON[]", dialect="duckdb") for each in node.expressions])
    return node


_RULES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Identifier: _identifier,
    exp.Var: _word,
    exp.Table: _table,
    exp.Anonymous: _anonymous,
    exp.Dot: _dot,
    exp.Window: _window,
    exp.Div: _division,
    exp.Cast: _cast,
    exp.DataType: _data_type,
    exp.Like: _like,
    exp.ILike: _like,
    exp.SimilarTo: _similar,
    exp.CurrentTimestamp: _sysdate,
    exp.ApproxQuantile: _approximate,
    exp.WithinGroup: _within_group,
    exp.When: _insert_of_merge,
    exp.Unnest: _unnest,
    exp.Values: _values,
    exp.Delete: _delete,
    exp.Distinct: _distinct,
    exp.TimestampTrunc: _date_trunc,
    exp.Extract: _extract,
    exp.CurrentUser: _user,
    exp.SessionUser: _user,
    exp.Parameter: _parameter,
    # What sqlglot reads and DuckDB answers, but Redshift does not know.
    **dict.fromkeys(
        (
            exp.Command,
            exp.Fetch,
            exp.Filter,
            exp.Lambda,
            exp.Lateral,
            exp.OnConflict,
            exp.Returning,
            exp.SessionParameter,
            exp.TableSample,
        ),
        _refuse,
    ),
}
