"""What DuckDB says of a statement that failed, in Redshift's words."""

import re
from collections.abc import Callable

_NAME = r'"?([^"\s]+)"?'
_TEXT = r"""['"](.*?)['"]"""
_TYPES = {
    "VARCHAR": "character varying",
    "STRING_LITERAL": "unknown",
    "INTEGER_LITERAL": "integer",
    "DOUBLE": "double precision",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "JSON": "super",
    "HUGEINT": "numeric",
    "FLOAT": "real",
}


def _no_function(match: re.Match[str]) -> str:
    """An operator has its name between its operands."""
    name, arguments = match[1], re.split(r", (?![^(]*\))", match[2])
    types = [_TYPES.get(each, re.sub(r"^decimal.*", "numeric", each.lower())) for each in arguments]
    if re.fullmatch(r"\w+", name):
        return f"function {name}({', '.join(types)}) does not exist"
    return "operator does not exist: " + (f"{types[0]} {name} {types[1]}" if len(types) > 1 else f"{name} {types[0]}")


_KNOWN: dict[str, str | Callable[[re.Match[str]], str]] = {
    r"CHECK constraint failed .*(?:strlen|bit_length)": "Value too long for character type",
    r"NOT NULL constraint failed: (?:\S+\.)?(\S+)": r"Cannot insert a NULL value into column \1",
    rf"Table with name {_NAME} does not exist": r'relation "\1" does not exist',
    rf"View with name {_NAME} does not exist": r'view "\1" does not exist',
    rf"(?:Table|View) with name {_NAME} already exists": r'Relation "\1" already exists',
    rf"Schema with name {_NAME} already exists": r'Schema "\1" already exists',
    rf"Schema with name {_NAME} does not exist": r'schema "\1" does not exist',
    rf"Column with name {_NAME} already exists": r'column "\1" duplicated',
    r'Referenced column "([^"]+)" (?:was )?not found': r'column "\1" does not exist',
    rf"Table {_NAME} does not have a column (?:with name|named) {_NAME}": (
        r'column "\2" of relation "\1" does not exist'
    ),
    r'Referenced table "([^"]+)" not found': r'missing FROM-clause entry for table "\1"',
    r'Ambiguous reference to column name "([^"]+)"': r'column reference "\1" is ambiguous',
    r'column "([^"]+)" must appear in the GROUP BY clause': (
        r'column "\1" must appear in the GROUP BY clause or be used in an aggregate function'
    ),
    r"(?:No function matches|best candidate function) .*?(?:'|\")([^\s(]+?)\"?\((.*?)\)(?:'|\")": _no_function,
    r"Division by zero": "Divide by zero",
    r"Overflow in .* of INT(16|32|64)": "Result is out of the range of its type (INT\\1)",
    r"[Cc]urrent transaction is aborted": (
        "current transaction is aborted, commands ignored until end of transaction block"
    ),
    r"(?:Conflict on|write-write conflict|Transaction conflict)": "1023 Serializable isolation violation on table",
    r"no transaction is active": "there is no transaction in progress",
    rf"Could not convert string {_TEXT} to INT": r'invalid input syntax for integer: "\1"',
    rf"Could not convert string {_TEXT} to DECIMAL": r'invalid input syntax for type numeric: "\1"',
    rf"Could not convert string {_TEXT} to (?:DOUBLE|FLOAT)": r'invalid input syntax for type double precision: "\1"',
    rf"Could not convert string {_TEXT} to BOOL": r'invalid input syntax for type boolean: "\1"',
    r'invalid (date|timestamp) field format: "(.*?)"': r'invalid input syntax for type \1: "\2"',
    r"with value \S+ can't be cast .* type INT(?:16|32|64)": "Value out of range for the type",
    rf"table {_NAME} has (\d+) columns but (\d+) values were supplied": (
        "INSERT has a different number of columns than expressions"
    ),
    r"Malformed JSON": "JSON parsing error",
    r'syntax error at or near "(.*?)"\n': r'syntax error at or near "\1"',
    r"syntax error at end of input": "syntax error at end of input",
    r"^Invalid Input Error: ([^\n]*)": r"\1",
}
_COMPILED = tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in _KNOWN.items())


def in_redshifts_words(message: str) -> str:
    """Redshift's text for DuckDB's, without the leading `ERROR:`. One that is not known keeps DuckDB's first line."""
    for pattern, words in _COMPILED:
        if match := pattern.search(message):
            return match.expand(words) if isinstance(words, str) else words(match)
    return message.partition("\n")[0]
