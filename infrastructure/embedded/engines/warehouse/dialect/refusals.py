"""What DuckDB says of a statement that failed, in Redshift's words."""

import re
from collections.abc import Callable

Words = Callable[[re.Match[str]], str]


def _said(text: str) -> Words:
    return lambda match: match.expand(text)


_KNOWN: tuple[tuple[re.Pattern[str], Words], ...] = tuple(
    (re.compile(pattern, re.DOTALL), _said(text))
    for pattern, text in (
        (r"CHECK constraint failed .*(?:strlen|bit_length)", "Value too long for character type"),
        (r"NOT NULL constraint failed: (?:\S+\.)?(\S+)", r"Cannot insert a NULL value into column \1"),
        (r'Table with name "?([^"\s]+)"? does not exist', r'relation "\1" does not exist'),
        (r'View with name "?([^"\s]+)"? does not exist', r'view "\1" does not exist'),
        (r'(?:Table|View) with name "?([^"\s]+)"? already exists', r'Relation "\1" already exists'),
        (r'Schema with name "?([^"\s]+)"? already exists', r'Schema "\1" already exists'),
        (r'Schema with name "?([^"\s]+)"? does not exist', r'schema "\1" does not exist'),
        (r'Column with name "?([^"\s]+)"? already exists', r'column "\1" duplicated'),
        (r'Referenced column "([^"]+)" (?:was )?not found', r'column "\1" does not exist'),
        (r'Table "([^"]+)" does not have a column (?:with name|named) "([^"]+)"', r'column "\2" of relation "\1" does not exist'),
        (r'Referenced table "([^"]+)" not found', r'missing FROM-clause entry for table "\1"'),
        (r'Ambiguous reference to column name "([^"]+)"', r'column reference "\1" is ambiguous'),
        (r'column "([^"]+)" must appear in the GROUP BY clause', r'column "\1" must appear in the GROUP BY clause or be used in an aggregate function'),
        (r"Division by zero", "Divide by zero"),
        (r"[Cc]urrent transaction is aborted", "current transaction is aborted, commands ignored until end of transaction block"),
        (r"(?:Conflict on|write-write conflict|Transaction conflict|TransactionContext Error: Conflict)", "1023 Serializable isolation violation on table"),
        (r"no transaction is active", "there is no transaction in progress"),
        (r"Could not convert string ['\"](.*?)['\"] to INT", r'invalid input syntax for integer: "\1"'),
        (r"Could not convert string ['\"](.*?)['\"] to DECIMAL", r'invalid input syntax for type numeric: "\1"'),
        (r"Could not convert string ['\"](.*?)['\"] to (?:DOUBLE|FLOAT)", r'invalid input syntax for type double precision: "\1"'),
        (r"Could not convert string ['\"](.*?)['\"] to BOOL", r'invalid input syntax for type boolean: "\1"'),
        (r'invalid (date|timestamp) field format: "(.*?)"', r'invalid input syntax for type \1: "\2"'),
        (r"(?:INT64|HUGEINT|INT128|DECIMAL\S*) with value \S+ can't be cast .* type INT(?:16|32|64)", "Value out of range for the type"),
        (r"table \"?(\S+?)\"? has (\d+) columns but (\d+) values were supplied", "INSERT has a different number of columns than expressions"),
        (r'syntax error at or near "(.*?)"', r'syntax error at or near "\1"'),
        (r"syntax error at end of input", "syntax error at end of input"),
        (r"^Invalid Input Error: ([^\n]*)", r"\1"),
    )
)  # fmt: skip


def in_redshifts_words(message: str) -> str:
    """Redshift's text for DuckDB's, without the leading `ERROR:`. One that is not known keeps DuckDB's first line."""
    for pattern, words in _KNOWN:
        if match := pattern.search(message):
            return words(match)
    return message.partition("\n")[0]
