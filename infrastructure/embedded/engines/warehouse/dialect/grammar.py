"""Redshift's grammar for sqlglot, closed to functions that Redshift does not have; and DuckDB's way of writing.

sqlglot reads every dialect's functions under every dialect; here only those of `functions` are. Any other name comes
out as `exp.Anonymous`, which `rewriting` answers or refuses.
"""

from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.redshift import Redshift
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokenizer_core import Token

from infrastructure.embedded.engines.warehouse.dialect import functions
from infrastructure.embedded.engines.warehouse.dialect.statement import not_here

NAME = "redshift_name"
"""Key of a function's `meta`: its name as the statement has it."""
_COLUMN_ATTRIBUTES = ("DISTKEY", "SORTKEY")


def _key_attribute(parser: RedshiftParser) -> exp.Expr:
    """DISTKEY or SORTKEY behind a column, which says where rows lie and nothing about what they are."""
    return parser.expression(exp.EncodeColumnConstraint(this=exp.var("key")))


def _date_part(parser: RedshiftParser) -> exp.Expr:
    part = parser._parse_date_part()
    part.meta[NAME] = "DATE_PART"
    return part


def _interleaved(parser: RedshiftParser) -> exp.Expr | None:
    return parser._parse_sortkey() if parser._match_text_seq("SORTKEY") else None


class Grammar(Redshift):
    """What is read."""

    ORIGINAL_NAME_META_KEY = NAME

    class Tokenizer(Redshift.Tokenizer):
        """Commands are words like others: `commands` and `loads` read them."""

        COMMANDS: ClassVar = set()
        KEYWORDS: ClassVar = {
            word: token
            for word, token in Redshift.Tokenizer.KEYWORDS.items()
            if word
            not in {
                "UNLOAD",
                "CALL",
                "EXPLAIN",
                "PREPARE",
                "VACUUM",
                "DECLARE",
                "DO",
                "REFRESH",
                "RESET",
                "OPTIMIZE",
                "EXEC",
            }
            and word not in {"REINDEX", "/*+", "/*+ "}
        }

    class Parser(RedshiftParser):
        """Redshift's, with an allow-list of functions and with DISTKEY and SORTKEY behind a column."""

        FUNCTIONS: ClassVar = {n: b for n, b in RedshiftParser.FUNCTIONS.items() if n in functions.PARSED}
        FUNCTION_PARSERS: ClassVar = {
            **{n: p for n, p in RedshiftParser.FUNCTION_PARSERS.items() if n in functions.PARSED_SPECIALLY},
            "DATE_PART": _date_part,
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar = {
            n: p for n, p in RedshiftParser.NO_PAREN_FUNCTION_PARSERS.items() if n in functions.PARSED_BARE
        }
        PROPERTY_PARSERS: ClassVar = {**RedshiftParser.PROPERTY_PARSERS, "INTERLEAVED": _interleaved}
        CONSTRAINT_PARSERS: ClassVar = {
            **RedshiftParser.CONSTRAINT_PARSERS,
            **dict.fromkeys(_COLUMN_ATTRIBUTES, _key_attribute),
        }

        def _parse_as_command(self, start: Token) -> exp.Command:
            """What sqlglot would let through unread is refused."""
            raise not_here(self._find_sql(start, self._tokens[-1]))


class Writing(DuckDB):
    """What is written. Every name is quoted, so that no word of DuckDB's is in the way of a column."""

    INDEX_OFFSET = 0
    """An element of SUPER counts from 0, and so does DuckDB's JSON (its lists count from 1)."""

    class Generator(DuckDBGenerator):
        """DuckDB's, with the few nodes sqlglot writes otherwise than DuckDB 2.0 reads."""


GRAMMAR = Grammar()
WRITING = Writing()
