"""COPY and UNLOAD between the embedded S3 and a warehouse, by files that the warehouse may read and write.

Source: Amazon Redshift Database Developer Guide, "COPY", "UNLOAD", "Using a manifest to specify data files".
"""

import asyncio
import bz2
import contextlib
import dataclasses
import gzip
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from infrastructure.embedded.apis.redshift_data.objects import Missing, Objects
from infrastructure.embedded.engines.warehouse.loading import Plan
from infrastructure.embedded.engines.warehouse.orders import CopyOrder, UnloadOrder
from infrastructure.embedded.engines.warehouse.warehouse import Warehouse

_OCCUPIED = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually removing "
    "the target files in S3, or using the ALLOWOVERWRITE option."
)
_SUFFIX: Mapping[str, str] = {"none": "", "gzip": ".gz", "bzip2": ".bz2"}
_PACK: Mapping[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}
_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": gzip.decompress, "bzip2": bz2.decompress}


class Loads:
    """Brings objects to where the warehouse reads them, and what it wrote to S3."""

    def __init__(self, objects: Objects, check_role: Callable[[str, str], None]) -> None:
        self._objects = objects
        self._check_role = check_role

    def check(self, cluster: str, authorization: str) -> None:
        """`Missing` when the cluster does not have the role by which S3 is to be read or written."""
        try:
            self._check_role(cluster, authorization)
        except LookupError as refusal:
            raise Missing(str(refusal)) from refusal

    @contextlib.asynccontextmanager
    async def brought(self, order: CopyOrder, warehouse: Warehouse) -> AsyncIterator[Plan]:
        """What to load, its files in place as long as this lasts; `Missing` when S3 does not have it."""
        _check(order.compression)
        contents = [(f"s3://{bucket}/{key}", self._objects.read(bucket, key)) for bucket, key in self._chosen(order)]
        plan, folder = Plan.of({**order.plan, "paths": self._paths(order)}), warehouse.staging / str(uuid4())
        try:
            names = await asyncio.to_thread(_written, folder, contents, order.compression)
            warehouse.lend(folder)
            yield dataclasses.replace(plan, files=tuple(names), names=names)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _chosen(self, order: CopyOrder) -> list[tuple[str, str]]:
        if order.is_manifest:
            return self._objects.listed(order.bucket, order.prefix)
        return [(order.bucket, key) for key in self._objects.keys(order.bucket, order.prefix)]

    def _paths(self, order: CopyOrder) -> dict[str, str]:
        """By column the JSONPath that a file in S3 gives it."""
        if not order.paths_file:
            return {}
        bucket, _, key = order.paths_file.removeprefix("s3://").partition("/")
        try:
            listed = json.loads(self._objects.read(bucket, key))["jsonpaths"]
        except (ValueError, KeyError, TypeError) as problem:
            raise Missing(f"Invalid JSONPaths file {order.paths_file}: it has no list jsonpaths") from problem
        return dict(zip(order.plan["columns"], map(str, listed), strict=False))

    @contextlib.contextmanager
    def taken(self, order: UnloadOrder, warehouse: Warehouse) -> Iterator[Path]:
        """A file for the warehouse to write; in the end it goes to S3. `Missing`: it cannot."""
        _check(order.compression)
        keys = self._objects.keys_or_none(order.bucket, order.prefix)
        if keys and not (order.may_overwrite or order.is_cleaned):
            raise Missing(_OCCUPIED)
        folder = warehouse.staging / str(uuid4())
        folder.mkdir(mode=0o700)
        warehouse.lend(folder)
        try:
            yield folder / "part"
            if order.is_cleaned:
                self._objects.delete(order.bucket, keys)
            self._put(order, (folder / "part").read_bytes())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put(self, order: UnloadOrder, content: bytes) -> None:
        """One object: all that a warehouse of one process writes."""
        part = "0000_part_00" if order.is_parallel else "000"
        key = f"{order.prefix}{part}{_SUFFIX[order.compression]}{order.extension}"
        packed = _PACK[order.compression](content)
        self._objects.write(order.bucket, key, packed)
        if order.has_manifest:
            entry = {"url": f"s3://{order.bucket}/{key}", "meta": {"content_length": len(packed)}}
            self._objects.write(order.bucket, f"{order.prefix}manifest", json.dumps({"entries": [entry]}).encode())


def _check(compression: str) -> None:
    if compression not in _SUFFIX:
        raise Missing(f"{compression} is not provided by the embedded cloud; gzip and bzip2 are")


def _written(folder: Path, contents: Sequence[tuple[str, bytes]], compression: str) -> dict[str, str]:
    """Write each content into a file of its own; by file what S3 calls it."""
    folder.mkdir(mode=0o700)
    names = {}
    for number, (name, content) in enumerate(contents):
        file = folder / f"{number:06d}"
        try:
            file.write_bytes(_UNPACK[compression](content))
        except (OSError, EOFError, ValueError) as problem:
            raise Missing(f"File {name} is no {compression}: {problem}") from problem
        names[str(file)] = name
    return names
