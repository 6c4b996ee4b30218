"""COPY and UNLOAD between the embedded S3 and a warehouse, by files that the warehouse may read and write.

Source: Amazon Redshift Database Developer Guide, "COPY", "UNLOAD", "STL_LOAD_ERRORS", "SYS_LOAD_ERROR_DETAIL".
"""

import asyncio
import bz2
import contextlib
import gzip
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from infrastructure.embedded.apis.redshift_data.objects import Missing, Objects
from infrastructure.embedded.engines.warehouse.dialect import Copy, Unload
from infrastructure.embedded.engines.warehouse.loading import Plan
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

_OCCUPIED = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing "
    "the target files in S3, or using the ALLOWOVERWRITE option."
)


class Loads:
    """Brings objects to where the warehouse reads them, and what it wrote to S3."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @contextlib.asynccontextmanager
    async def plan(self, copy: Copy, warehouse: Warehouse) -> AsyncIterator[Plan]:
        """What a COPY loads, with its files in place as long as this lasts; `Missing` when S3 does not have them."""
        contents = [(f"s3://{bucket}/{key}", self._objects.read(bucket, key)) for bucket, key in self._chosen(copy)]
        folder = warehouse.staging / str(uuid4())
        try:
            names = await asyncio.to_thread(_written, folder, contents, copy.compression)
            warehouse.lend(folder)
            yield _plan(copy, names, self._paths(copy))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _chosen(self, copy: Copy) -> list[tuple[str, str]]:
        if copy.manifest:
            return self._objects.listed(copy.bucket, copy.prefix)
        return [(copy.bucket, key) for key in self._objects.keys(copy.bucket, copy.prefix)]

    def _paths(self, copy: Copy) -> dict[str, str]:
        """By column the JSONPath that a file of S3 gives it; none where the keys are the columns' names."""
        if copy.format != "json" or not copy.json_paths.startswith("s3://"):
            return {}
        bucket, _, key = copy.json_paths.removeprefix("s3://").partition("/")
        try:
            listed = json.loads(self._objects.read(bucket, key))["jsonpaths"]
        except (ValueError, KeyError, TypeError) as problem:
            raise Missing(f"Invalid JSONPaths file {copy.json_paths}: it has no list jsonpaths") from problem
        return dict(zip(copy.columns, map(str, listed), strict=False))

    @contextlib.contextmanager
    def unloaded(self, unload: Unload, warehouse: Warehouse) -> Iterator[Path]:
        """A folder for the warehouse to write into; what lies there in the end goes to S3. `Missing`: no bucket."""
        keys = self._objects.keys_or_none(unload.bucket, unload.prefix)
        if keys and not (unload.allow_overwrite or unload.clean_path):
            raise Missing(_OCCUPIED)
        folder = warehouse.staging / str(uuid4())
        folder.mkdir(mode=0o700)
        warehouse.lend(folder)
        try:
            yield folder
            if unload.clean_path:
                self._objects.delete(unload.bucket, keys)
            self._put(unload, sorted(folder.iterdir()))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put(self, unload: Unload, files: Sequence[Path]) -> None:
        entries = []
        for number, file in enumerate(files):
            part = f"{number:04d}_part_00" if unload.parallel else f"{number:03d}"
            key = f"{unload.prefix}{part}{_SUFFIX[unload.compression]}{unload.extension}"
            content = _COMPRESSORS[unload.compression](file.read_bytes())
            self._objects.write(unload.bucket, key, content)
            entries.append({"url": f"s3://{unload.bucket}/{key}", "meta": {"content_length": len(content)}})
        if unload.manifest:
            self._objects.write(unload.bucket, f"{unload.prefix}manifest", json.dumps({"entries": entries}).encode())


def copy_out(unload: Unload, query: str, folder: Path) -> str:
    """The statement by which the warehouse writes what an UNLOAD selects."""
    file = str(folder / "0000").replace("'", "''")
    if unload.format in ("json", "parquet"):
        return f"COPY ({query}) TO '{file}' (FORMAT {unload.format})"
    quoted = ", QUOTE '\"'" if unload.format == "csv" or unload.add_quotes else ", QUOTE ''"
    forced = ", FORCE_QUOTE *" if unload.add_quotes else ""
    options = (
        f"HEADER {str(unload.header).lower()}, DELIMITER {_literal(unload.delimiter)}, NULL {_literal(unload.null_as)}"
    )
    return f"COPY ({query}) TO '{file}' (FORMAT csv, {options}{quoted}{forced})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SUFFIX: Mapping[str, str] = {"none": "", "gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}
_COMPRESSORS = {"none": lambda data: data, "gzip": gzip.compress, "bzip2": bz2.compress}
_DECOMPRESSORS = {"none": lambda data: data, "gzip": gzip.decompress, "bzip2": bz2.decompress}


def _written(folder: Path, contents: Sequence[tuple[str, bytes]], compression: str) -> dict[str, str]:
    """Write each content into a file of its own; by file what S3 calls it."""
    folder.mkdir(mode=0o700)
    unpack, names = _DECOMPRESSORS.get(compression), {}
    if unpack is None:
        raise Missing(f"{compression} is not read by the embedded warehouse; gzip and bzip2 are")
    for number, (name, content) in enumerate(contents):
        file = folder / f"{number:06d}"
        try:
            file.write_bytes(unpack(content))
        except (OSError, EOFError, ValueError) as problem:
            raise Missing(f"File {name} is no {compression}: {problem}") from problem
        names[str(file)] = name
    return names


def _plan(copy: Copy, names: Mapping[str, str], paths: Mapping[str, str]) -> Plan:
    table = ".".join('"' + part.replace('"', '""') + '"' for part in (copy.schema, copy.table) if part)
    return Plan(
        target=table,
        columns=copy.columns,
        files=tuple(names),
        names=names,
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
        paths=paths,
    )


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
    """strptime's codes of a picture; empty for what the warehouse tells by itself."""
    if picture == "auto" or picture.startswith("epoch"):
        return "" if picture == "auto" else picture
    return _PICTURE.sub(lambda found: _CODES[found[0].upper()], picture)
