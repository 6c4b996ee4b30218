"""COPY and UNLOAD as two sides do them: one reads and writes S3, the other, the warehouse, the files in between.

statement ──▶ CopyOrder: which objects, and the plan by which their files are loaded
          └─▶ UnloadOrder: the text that writes one file, and which objects are to be made of it
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.engines.warehouse.loading import Plan, literal

if TYPE_CHECKING:  # the daemon reads orders, and shall not import the dialect
    from infrastructure.embedded.engines.warehouse.dialect import Copy, Unload

FILE = "{file}"
"""Stands in an unload's text for the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """What to bring; `plan` is as `Plan.of` takes it, without files."""

    insert: str
    authorization: str
    """A role's ARN, `default`, or the text of CREDENTIALS."""
    table: str
    bucket: str
    prefix: str
    is_manifest: bool
    compression: str
    paths_file: str
    """The s3:// address of a JSONPaths file; empty: the keys are the columns' names."""
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadOrder:
    """What to take away."""

    sql: str
    authorization: str
    bucket: str
    prefix: str
    is_parallel: bool
    may_overwrite: bool
    is_cleaned: bool
    has_manifest: bool
    compression: str
    extension: str


def copy_order(copy: "Copy", insert: str) -> dict[str, Any]:
    """The order of a COPY, whose rows `insert` is to take."""
    return asdict(
        CopyOrder(
            insert=insert,
            authorization=copy.authorization,
            table=copy.table,
            bucket=copy.bucket,
            prefix=copy.prefix,
            is_manifest=copy.manifest,
            compression=copy.compression,
            paths_file=copy.json_paths if copy.format == "json" and copy.json_paths.startswith("s3://") else "",
            plan=_plan(copy).plain(),
        )
    )


def _plan(copy: "Copy") -> Plan:
    return Plan(
        schema=copy.schema or "",
        table=copy.table,
        columns=copy.columns,
        files=(),
        format=copy.format,
        delimiter=copy.delimiter,
        quote=copy.quote,
        escape=copy.escape,
        remove_quotes=copy.remove_quotes,
        skip=copy.ignore_header,
        null_as=copy.null_as,
        max_error=copy.max_error,
        date_format=_codes(copy.date_format),
        time_format=_codes(copy.time_format),
        empty_as_null=copy.empty_as_null,
        blanks_as_null=copy.blanks_as_null,
        trim_blanks=copy.trim_blanks,
        truncate=copy.truncate_columns,
        fill=copy.fill_record,
        ignore_blank_lines=copy.ignore_blank_lines,
        is_dry=copy.no_load,
    )


def unload_order(unload: "Unload", query: str) -> dict[str, Any]:
    """The order of an UNLOAD of `query`."""
    return asdict(
        UnloadOrder(
            sql=_copy_out(unload, query),
            authorization=unload.authorization,
            bucket=unload.bucket,
            prefix=unload.prefix,
            is_parallel=unload.parallel,
            may_overwrite=unload.allow_overwrite,
            is_cleaned=unload.clean_path,
            has_manifest=unload.manifest,
            compression=unload.compression,
            extension=unload.extension,
        )
    )


def _copy_out(unload: "Unload", query: str) -> str:
    if unload.format in ("json", "parquet"):
        return f"COPY ({query}) TO '{FILE}' (FORMAT {unload.format})"
    quote = '"' if unload.format == "csv" or unload.add_quotes else ""
    forced = ", FORCE_QUOTE *" if unload.add_quotes else ""
    escape = "\\" if unload.escape else quote
    header = str(unload.header).lower()
    texts = {"DELIMITER": unload.delimiter, "NULL": unload.null_as, "QUOTE": quote, "ESCAPE": escape}
    options = ", ".join(f"{name} {literal(text)}" for name, text in texts.items())
    return f"COPY ({query}) TO '{FILE}' (FORMAT csv, HEADER {header}, {options}{forced})"


_PICTURE = re.compile("YYYY|HH24|HH12|HH|MON|MM|DD|MI|SS|US|MS|AM|PM|%", re.IGNORECASE)
_CODES: Mapping[str, str] = {
    "%": "%%",
    "YYYY": "%Y",
    "MM": "%m",
    "MON": "%b",
    "DD": "%d",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "MI": "%M",
    "SS": "%S",
    "MS": "%g",
    "US": "%f",
    "AM": "%p",
    "PM": "%p",
}


def _codes(picture: str) -> str:
    """strptime's codes of a picture; words that are no pictures are left."""
    if picture.lower() in ("", "auto", "epochsecs", "epochmillisecs"):
        return picture.lower()
    return _PICTURE.sub(lambda found: _CODES[found[0].upper()], picture)
