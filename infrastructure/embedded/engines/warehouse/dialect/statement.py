"""What a statement is once it has been read."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["query", "dml", "ddl", "copy", "unload", "transaction", "nothing", "show"]
Compression = Literal["none", "gzip", "bzip2", "zstd"]


class DialectError(Exception):
    """The statement is refused before it runs, in Redshift's words (without the leading `ERROR:`)."""


def not_here(text: str) -> DialectError:
    """The refusal of what Redshift has and the embedded warehouse does not."""
    return DialectError(f"{' '.join(text.split())[:120]}: not answered by the embedded warehouse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """COPY … FROM 's3://…'. The names are as Redshift folds them; `Statement.sql` has them quoted.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
    """

    schema: str | None
    table: str
    columns: tuple[str, ...]
    """None named: all of the table's, in its order."""
    bucket: str
    prefix: str
    """Every object whose key begins so is loaded; the one object of the manifest's name with `manifest`."""
    authorization: str = field(repr=False)
    """The role's ARN, `default`, or the text of CREDENTIALS, which has a secret in it."""
    region: str | None = None
    format: Literal["text", "csv", "json", "parquet"] = "text"
    """`text` is COPY's own default: fields apart by `delimiter`, nothing quoted."""
    delimiter: str = "|"
    quote: str = '"'
    json_paths: str = "auto"
    """`auto`, `auto ignorecase`, `noshred`, or the s3:// address of a JSONPaths file."""
    ignore_header: int = 0
    null_as: str = "\\N"
    compression: Compression = "none"
    manifest: bool = False
    max_error: int = 0
    """So many bad rows are left out; one more fails the load."""
    date_format: str = ""
    time_format: str = ""
    """`auto`, a picture, or for times `epochsecs` and `epochmillisecs`; empty: as Redshift writes them."""
    escape: bool = False
    remove_quotes: bool = False
    empty_as_null: bool = False
    blanks_as_null: bool = False
    trim_blanks: bool = False
    truncate_columns: bool = False
    fill_record: bool = False
    ignore_blank_lines: bool = False
    explicit_ids: bool = False
    accept_invalid: str | None = None
    """What stands in for a character that is not UTF-8; None: such a row is bad."""
    no_load: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unload:
    """UNLOAD ('query') TO 's3://…'. `Statement.sql` is the query in DuckDB's words; `query` is it as written.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
    """

    query: str
    bucket: str
    prefix: str
    authorization: str = field(repr=False)
    region: str | None = None
    format: Literal["text", "csv", "json", "parquet"] = "text"
    delimiter: str = "|"
    """A comma with `csv`, if the statement does not say otherwise."""
    header: bool = False
    parallel: bool = True
    allow_overwrite: bool = False
    clean_path: bool = False
    manifest: bool = False
    add_quotes: bool = False
    escape: bool = False
    null_as: str = ""
    compression: Compression = "none"
    max_file_size_bytes: int = 6_656_000_000
    """6.2 GB, UNLOAD's default."""
    extension: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of the text. `sql` may hold several of DuckDB's, apart by `;`, only the last of which gives rows.

    For `copy` it is the beginning of the INSERT (`INSERT INTO "t" ("a")`) that the rows are to follow. Of `nothing` it
    may be empty; what it gives is dropped, but it may fail. `:name` of the Data API is DuckDB's `$name`.
    """

    sql: str
    kind: Kind
    has_result: bool
    load: Copy | Unload | None = None
