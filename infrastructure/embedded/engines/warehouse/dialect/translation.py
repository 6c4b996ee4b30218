"""From a text to its statements: cut at the semicolons, told apart by their first word."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from infrastructure.embedded.engines.warehouse.dialect import commands
from infrastructure.embedded.engines.warehouse.dialect.calls import sql_of
from infrastructure.embedded.engines.warehouse.dialect.grammar import GRAMMAR
from infrastructure.embedded.engines.warehouse.dialect.loads import copy_of, unload_of
from infrastructure.embedded.engines.warehouse.dialect.naming import name_columns
from infrastructure.embedded.engines.warehouse.dialect.reading import Words
from infrastructure.embedded.engines.warehouse.dialect.rewriting import rewrite
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError, Statement
from infrastructure.embedded.engines.warehouse.dialect.tables import define

Tokens = Sequence[Token]
_ROOTS = {
    "SELECT": exp.Query,
    "WITH": exp.Query,
    "(": exp.Query,
    "INSERT": exp.Insert,
    "UPDATE": exp.Update,
    "DELETE": exp.Delete,
    "MERGE": exp.Merge,
    "CREATE": exp.Create,
    "DROP": exp.Drop,
    "ALTER": exp.Alter,
    "TRUNCATE": exp.TruncateTable,
    "COMMENT": exp.Comment,
}
"""What a statement that begins so must turn out to be."""


def translate(sql: str) -> tuple[Statement, ...]:
    """The statements of `sql`, in order; none for a text of comments and blanks.

    A text that comes again, as one with parameters does, is not read again.

    Raises `DialectError` in Redshift's words for the first one that Redshift would refuse to parse, or that is not
    answered here. Nothing of the database is known: that a table or column does not exist is found where it runs.
    """
    return _remembered(sql) if len(sql) <= _REMEMBERED_CHARACTERS else _translated(sql)


def _translated(sql: str) -> tuple[Statement, ...]:
    try:
        tokens = GRAMMAR.tokenize(sql)
    except TokenError as broken:
        raise DialectError("unterminated quoted string or comment") from broken
    return tuple(_statement(part, sql) for part in _cut(tokens) if part)


_REMEMBERED_CHARACTERS = 8_192
_remembered = lru_cache(maxsize=512)(_translated)


def _cut(tokens: Tokens) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _statement(tokens: list[Token], sql: str) -> Statement:
    first = tokens[0].text.upper() if tokens[0].token_type != TokenType.STRING else ""
    if first in _ROOTS:
        return _parsed(first, _tree(tokens, sql))
    if reader := _LOADS.get(first):
        return reader(Words(tokens[1:]))
    if reader := commands.READERS.get(first):
        return reader(Words(tokens[1:]))
    raise Words(tokens).error()


def _tree(tokens: list[Token], sql: str) -> exp.Expr:
    """The one tree of the tokens, in sqlglot's sense."""
    try:
        trees = GRAMMAR.parser().parse(tokens, sql)
    except ParseError as wrong:
        raise _syntax_error(wrong, sql) from wrong
    except RecursionError as deep:
        raise DialectError("stack depth limit exceeded") from deep
    if len(trees) != 1 or trees[0] is None:
        raise DialectError("syntax error at end of input")
    return trees[0]


def _syntax_error(wrong: ParseError, sql: str) -> DialectError:
    found = wrong.errors[0]
    word = str(found.get("highlight") or "")
    lines = sql.split("\n")
    line, column = int(found.get("line") or 1), int(found.get("col") or 1)
    position = sum(len(text) + 1 for text in lines[: line - 1]) + column - len(word) + 1
    is_last = position + len(word) > len(sql.rstrip().rstrip(";").rstrip())
    if not word or (is_last and "Unexpected token" not in str(found.get("description"))):
        return DialectError("syntax error at end of input")
    return DialectError(f'syntax error at or near "{word}"\n  Position: {position}')


def _parsed(first: str, tree: exp.Expr) -> Statement:
    if not isinstance(tree, _ROOTS[first]) and not (first == "WITH" and isinstance(tree, exp.DML)):
        raise DialectError(f'syntax error at or near "{first}"')
    try:
        name_columns(tree)
        if isinstance(tree, exp.Create | exp.Drop | exp.Alter | exp.TruncateTable | exp.Comment):
            text = define(tree)
            return Statement(sql=text, kind="ddl" if text else "nothing", has_result=False)
        is_into = tree.find(exp.Into) is not None
        text = sql_of(rewrite(tree))
    except RecursionError as deep:
        raise DialectError("stack depth limit exceeded") from deep
    if isinstance(tree, exp.Query):
        return Statement(sql=text, kind="ddl" if is_into else "query", has_result=not is_into)
    return Statement(sql=text, kind="dml", has_result=False)


def _copy(words: Words) -> Statement:
    load = copy_of(words)
    target = exp.Table(this=exp.to_identifier(load.table), db=exp.to_identifier(load.schema))
    columns = ", ".join(f'"{name}"' for name in load.columns)
    text = f"INSERT INTO {sql_of(rewrite(target))}" + (f" ({columns})" if columns else "")
    return Statement(sql=text, kind="copy", has_result=False, load=load)


def _unload(words: Words) -> Statement:
    load = unload_of(words)
    statements = translate(load.query)
    if len(statements) != 1 or statements[0].kind != "query":
        raise DialectError("UNLOAD takes one SELECT query")
    return Statement(sql=statements[0].sql, kind="unload", has_result=False, load=load)


_LOADS: dict[str, Callable[[Words], Statement]] = {"COPY": _copy, "UNLOAD": _unload}
