"""A call of a function of Redshift's as DuckDB's expression. The arguments come rewritten already."""

import re
from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from infrastructure.embedded.engines.warehouse.dialect import formats
from infrastructure.embedded.engines.warehouse.dialect.functions import DOCUMENTED, RENAMED
from infrastructure.embedded.engines.warehouse.dialect.grammar import WRITING
from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL, MACRO_NAMES
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError, not_here

OURS = "ours"
"""Key of a word's `meta`: it is DuckDB's text, and none of the statement's words."""
_AGGREGATES = frozenset({"avg", "count", "listagg", "quantile_disc", "sum", "sum_by"})
Arguments = Sequence[exp.Expr]
_TIMES = exp.Cast | exp.TsOrDsAdd | exp.CurrentDate | exp.CurrentTimestamp | exp.TimestampTrunc


def call(name: str, arguments: Arguments) -> exp.Expr:
    """DuckDB's expression for `name(arguments)`; raises `DialectError` for what Redshift, or this, does not have."""
    upper = name.upper()
    if builder := _BUILT.get(upper):
        try:
            return builder(*arguments)
        except TypeError as wrong:
            raise _missing(name, arguments) from wrong
    if (renamed := RENAMED.get(upper)) is not None:
        return exp.Anonymous(this=renamed, expressions=list(arguments))
    if upper in MACRO_NAMES:
        return macro(upper.lower(), arguments)
    if upper in DOCUMENTED:
        raise not_here(f"function {name.lower()}")
    raise _missing(name, arguments)


def macro(name: str, arguments: Arguments) -> exp.Expr:
    """A call of one of our macros."""
    return exp.Dot(
        this=exp.to_identifier(INTERNAL, quoted=True), expression=exp.Anonymous(this=name, expressions=list(arguments))
    )


def as_sql(text: str) -> exp.Expr:
    """DuckDB's text as it stands, as a part of the tree: ours, with nothing of the statement's in it unquoted."""
    made = exp.Var(this=f"({text})")
    made.meta[OURS] = True
    return made


def sql_of(node: exp.Expr) -> str:
    """DuckDB's text of a part of the tree that has been rewritten. What it cannot say is refused, not left out."""
    try:
        return WRITING.generate(node, copy=False, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as unsupported:
        raise not_here(str(unsupported)) from unsupported


def _missing(name: str, arguments: Arguments) -> DialectError:
    types = ", ".join(_type_of(argument) for argument in arguments)
    return DialectError(
        f"function {name.lower()}({types}) does not exist\n"
        "  Hint: No function matches the given name and argument types. You may need to add explicit type casts."
    )


def _type_of(argument: exp.Expr) -> str:
    if isinstance(argument, exp.Literal):
        if argument.is_string:
            return "unknown"
        return "integer" if argument.is_int else "numeric"
    if isinstance(argument, exp.Boolean):
        return "boolean"
    return argument.to.sql("redshift").lower() if isinstance(argument, exp.Cast) else "unknown"


def _literal(argument: exp.Expr, function: str) -> str:
    if not (isinstance(argument, exp.Literal) and argument.is_string):
        raise DialectError(f"{function} with a picture that is not a literal is not answered by the embedded warehouse")
    return str(argument.this)


def _to_char(value: exp.Expr, picture: exp.Expr) -> exp.Expr:
    text = _literal(picture, "TO_CHAR")
    written = sql_of(value)
    return as_sql(
        formats.number_to_text(written, text) if formats.is_number(text) else formats.time_to_text(written, text)
    )


def _to_date(value: exp.Expr, picture: exp.Expr, _strict: exp.Expr | None = None) -> exp.Expr:
    return as_sql(f"CAST({formats.text_to_time(sql_of(value), _literal(picture, 'TO_DATE'))} AS DATE)")


def _to_timestamp(value: exp.Expr, picture: exp.Expr, _strict: exp.Expr | None = None) -> exp.Expr:
    parsed = formats.text_to_time(sql_of(value), _literal(picture, "TO_TIMESTAMP"))
    return as_sql(f"CAST({parsed} AS TIMESTAMP) AT TIME ZONE 'UTC'")


def _to_number(value: exp.Expr, picture: exp.Expr) -> exp.Expr:
    body = re.split(r"[.D]", _literal(picture, "TO_NUMBER").upper(), maxsplit=1)
    scale = len(re.findall(r"[09]", body[1])) if len(body) > 1 else 0
    digits = f"regexp_replace(regexp_replace({sql_of(value)}, '[^0-9.-]', '', 'g'), '^(.*)-$', '-\\1')"
    return as_sql(f"CAST({digits} AS DECIMAL(38, {scale}))")


def _trunc(value: exp.Expr, places: exp.Expr | None = None) -> exp.Expr:
    """Of a number, towards zero; of a timestamp, its date. What a bare column is, DuckDB knows: the macro has both."""
    if places is not None:
        return exp.Anonymous(this="trunc", expressions=[value, places])
    if isinstance(value, exp.Column):
        return macro("trunc_any", [value])
    if isinstance(value, exp.Cast):
        is_time = value.is_type(*exp.DataType.TEMPORAL_TYPES)
    else:
        is_time = isinstance(value, _TIMES) or (isinstance(value, exp.Dot) and value.name in ("sysdate", "getdate"))
    return exp.cast(value, "DATE") if is_time else exp.Anonymous(this="trunc", expressions=[value])


def _concat(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.paren(exp.DPipe(this=left, expression=right), copy=False)


def _regexp_replace(source: exp.Expr, pattern: exp.Expr, by: exp.Expr | None = None) -> exp.Expr:
    arguments = [source, pattern, by or exp.Literal.string(""), exp.Literal.string("g")]
    return exp.Anonymous(this="regexp_replace", expressions=arguments)


def _json_path(text: exp.Expr, *path: exp.Expr) -> exp.Expr:
    """JSON_EXTRACT_PATH_TEXT: the last argument is `null_if_invalid` if it is a truth."""
    keys = list(path)
    tolerant = keys.pop() if keys and isinstance(keys[-1], exp.Boolean) else exp.false()
    if not keys:
        raise TypeError("no path element")
    return macro("json_extract_path_text", [text, exp.Array(expressions=keys), tolerant])


def _is_plain(value: exp.Expr) -> bool:
    """Whether DuckDB knows the argument's type when it chooses the form of a macro."""
    return value.find(exp.AggFunc, exp.Window, exp.Subquery, exp.Distinct) is None and not any(
        call.name in _AGGREGATES for call in value.find_all(exp.Anonymous)
    )


def _sum(value: exp.Expr) -> exp.Expr:
    return (macro if _is_plain(value) else aggregate)("sum", [value])


def _average(value: exp.Expr) -> exp.Expr:
    """AVG of whole numbers is whole in Redshift; DuckDB's `/` is, too (`integer_division`), so sum by count it is."""
    if _is_plain(value):
        return macro("avg", [value])
    quotient = exp.Div(this=aggregate("sum", [value]), expression=aggregate("count", [value.copy()]))
    return exp.paren(quotient, copy=False)


def aggregate(name: str, arguments: Arguments) -> exp.Expr:
    """DuckDB's function of that name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _listagg(value: exp.Expr, separator: exp.Expr | None = None) -> exp.Expr:
    """DISTINCT binds the value alone; sqlglot has the separator in it."""
    if isinstance(value, exp.Distinct) and len(value.expressions) > 1:
        value, separator = exp.Distinct(expressions=value.expressions[:1]), value.expressions[1]
    return exp.Anonymous(this="listagg", expressions=[value, separator or exp.Literal.string("")])


def _ratio(value: exp.Expr) -> exp.Expr:
    """RATIO_TO_REPORT: `rewriting` gives the sum its OVER."""
    share = exp.Div(this=exp.cast(value, "DOUBLE"), expression=aggregate("sum", [value.copy()]))
    return exp.paren(share, copy=False)


_BUILT: dict[str, Callable[..., exp.Expr]] = {
    "AVG": _average,
    "CONCAT": _concat,
    "JSON_EXTRACT_PATH_TEXT": _json_path,
    "LISTAGG": _listagg,
    "RATIO_TO_REPORT": _ratio,
    "REGEXP_REPLACE": _regexp_replace,
    "SUM": _sum,
    "TO_CHAR": _to_char,
    "TO_DATE": _to_date,
    "TO_NUMBER": _to_number,
    "TO_TIMESTAMP": _to_timestamp,
    "TRUNC": _trunc,
}

REBUILT = frozenset(_BUILT)
"""The functions that become something else than a call."""
