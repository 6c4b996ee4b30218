"""Deployment packages and layers on disk: zip archives, checked and unpacked within bounds; and the runtime's folder.

What is unpacked is shared by content: `<run>/functions/code/<sha256>-<number>`. Limits: AWS Lambda Developer
Guide, "Lambda quotas" (250 MB unpacked, 50 MB for a direct upload).
"""

import hashlib
import importlib.metadata
import io
import lzma
import os
import re
import shutil
import stat
import struct
import sys
import zipfile
import zlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

UNPACKED_LIMIT = 262_144_000
"""Bytes that a package, or it and its layers together, may have unpacked."""
ENTRIES_LIMIT = 100_000
RUNTIME_DISTRIBUTIONS = ("awslambdaric", "boto3")
"""What AWS's Python runtime brings, apart from the standard library; with all they require."""
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, LookupError, NotImplementedError, OSError, RuntimeError, ValueError),
)
"""What reading a damaged, cut off or encrypted archive raises: `zipfile` lets its decompressors' errors through, and
those of names that are no UTF-8 or places before the file's begin."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COMPILE = "import compileall, os, sys; os.nice(10); sys.exit(not compileall.compile_dir(sys.argv[1], quiet=2))"


class BadPackage(Exception):
    """An archive that is refused; the text is AWS's where AWS has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePackage:
    """An archive that passed the checks. `sha256` is hexadecimal; sizes in bytes."""

    sha256: str
    size: int
    unpacked: int

    @property
    def code_sha256(self) -> str:
        """As AWS writes it: base64."""
        return b64encode(bytes.fromhex(self.sha256)).decode()


def inspect(archive: bytes) -> CodePackage:
    """Check a zip archive, not unpacking it; `BadPackage` when it is none, too large or reaches out of its folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
    except _DAMAGED as problem:
        raise BadPackage(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from problem
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > UNPACKED_LIMIT:
        raise BadPackage(f"Unzipped size must be smaller than {UNPACKED_LIMIT} bytes")
    if not entries or len(entries) > ENTRIES_LIMIT:
        raise BadPackage(f"The archive has {len(entries)} entries; 1 to {ENTRIES_LIMIT} are allowed")
    for entry in entries:
        _require_inside(entry)
    return CodePackage(sha256=hashlib.sha256(archive).hexdigest(), size=len(archive), unpacked=unpacked)


def _require_inside(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or "\0" in entry.filename:
        raise BadPackage(f"The entry {entry.filename!r} lies outside the package's folder")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadPackage(f"The entry {entry.filename!r} is a symbolic link; package the file that it points to")


def unpack(archive: bytes, target: Path) -> None:
    """Unpack a checked archive into the folder `target`, whole or not at all. Blocks: for a thread.

    `BadPackage` when an entry is damaged, encrypted or larger than its header says. An existing `target` is the
    same content.
    """
    if target.exists():
        return
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            for entry in opened.infolist():
                _extract(opened, entry, draft)
        draft.rename(target)
    except _DAMAGED as problem:
        if not target.exists():  # else another unpacked the same meanwhile
            raise BadPackage(f"Could not unzip uploaded file: {problem}") from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """`ZipFile` itself stops at the size in the header, which `inspect` has added up."""
    path = folder / PurePosixPath(entry.filename)
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    if entry.external_attr >> 16 & 0o111:
        path.chmod(0o755)


def compiling(folder: Path) -> tuple[str, ...]:
    """The command that compiles what is in `folder` ahead of the first import, at low priority."""
    return (sys.executable, "-I", "-S", "-c", _COMPILE, str(folder))


def make_runtime(folder: Path) -> None:
    """Link what AWS's Python runtime brings into `folder`, from what is installed here, and nothing else of it.

    Whole or not at all. `importlib.metadata.PackageNotFoundError` names a distribution that is missing.
    """
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    draft.mkdir(parents=True)
    try:
        for distribution in _required(RUNTIME_DISTRIBUTIONS):
            _link(distribution, draft)
        draft.chmod(0o755)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _link(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    """Each of the distribution's packages and modules, but for what others have linked already."""
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in sorted(tops):
        source = Path(str(distribution.locate_file(top)))
        if source.exists() and not (folder / top).exists():
            (folder / top).symlink_to(source.resolve())


def _required(names: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    """The distributions called `names` and all that they require (extras left out)."""
    found: dict[str, importlib.metadata.Distribution] = {}
    pending = list(names)
    while pending:
        name = pending.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        for requirement in found[name].requires or ():
            match = _NAME.match(requirement)
            if match and ";" not in requirement:
                pending.append(match[0])
    return list(found.values())
