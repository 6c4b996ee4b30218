"""What a COPY is to do, and what it says of a row that does not come in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_SHOWN = 100
"""Bad rows of one load that are described; the others are counted."""
RAW = "loaded"
"""The temporary table of what was read, all of it text."""
LINE, FILE = "line number", "file name"
"""Its columns beside the values; no column of a table is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to load. `names` are by file what S3 calls it; the formats of dates and times are strptime's, `auto` for all
    that DuckDB reads, empty for Redshift's own alone.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    format: str = "text"
    delimiter: str = "|"
    quote: str = '"'
    escape: bool = False
    remove_quotes: bool = False
    skip: int = 0
    null_as: str = "\\N"
    max_error: int = 0
    date_format: str = ""
    time_format: str = ""
    empty_as_null: bool = False
    blanks_as_null: bool = False
    trim_blanks: bool = False
    truncate: bool = False
    fill: bool = False
    ignore_blank_lines: bool = False
    is_dry: bool = False
    paths: Mapping[str, str] = field(default_factory=dict)
    """By column its JSONPath, where it is not the key of the column's name."""

    @property
    def target(self) -> str:
        """The table as SQL names it."""
        return ".".join(map(quoted, filter(None, (self.schema, self.table))))

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Plan":
        lists = {name: tuple(given[name]) for name in ("columns", "files")}
        return cls(**{**given, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table; `kind` is DuckDB's type."""

    name: str
    kind: str
    length: int = 0
    """Bytes that a text may have; 0: any."""
    is_required: bool = False


def bad_row(
    plan: Plan, *, file: str, line: int, column: str, raw: str, code: int, reason: str, **more: str
) -> dict[str, Any]:
    """What is said of a row; `file` is where it was read, and S3's name of it is told."""
    return {
        "file": plan.names.get(file, file),
        "line": int(line),
        "column": column,
        "kind": more.get("kind", ""),
        "raw": raw[:1024],
        "value": more.get("value", "")[:1024],
        "code": code,
        "reason": reason,
    }


def json_key(name: str) -> str:
    """As a JSONPath has it."""
    return '"' + name.replace('"', '\\"') + '"'


def quoted(text: str) -> str:
    """As SQL has a name."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """As SQL has a text."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Sequence[str]) -> str:
    """As SQL has a list of texts."""
    return f"[{', '.join(map(literal, texts))}]"
