"""Envoy's admin API on its unix socket: one GET a connection, bounded in time and size."""

import asyncio
import contextlib
import hashlib
import http.client
import io
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from infrastructure.errors import EnvironmentFault

LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel takes 107 and a terminating zero (unix(7), `sun_path`)."""
DEADLINE_S = 2.0
_BIGGEST_ANSWER = 16 * 1024 * 1024


def socket_path(folder: Path) -> Path:
    """Where the admin socket of the Envoy in `folder` lies: in there, or if that is too long in a short private folder.

    The short one is named after `folder`, so that whoever comes after a crash meets, and removes, the same one.
    """
    inside = folder / "admin.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cloudcafe-{os.getuid()}-{digest}" / "admin.sock"


def prepare(socket: Path, folder: Path) -> None:
    """Remove a dead predecessor; outside `folder` make it a folder, `EnvironmentFault` when that is another's."""
    if socket.parent != folder:
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = socket.parent.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise EnvironmentFault(
                f"{socket.parent} belongs to somebody else; remove it, or set TMPDIR to a folder of yours"
            )
        socket.parent.chmod(0o700)
    socket.unlink(missing_ok=True)


def remove(socket: Path, folder: Path) -> None:
    """Undo `prepare`; a folder outside `folder` goes too."""
    socket.unlink(missing_ok=True)
    if socket.parent != folder:
        with contextlib.suppress(OSError):  # it is gone already, or holds what is not ours
            socket.parent.rmdir()


async def get(socket: Path, target: str) -> bytes:
    """The body of `target`; `OSError` when Envoy does not answer with 200 within `DEADLINE_S`."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n".encode())
            return await _body(reader, target)
        finally:
            writer.close()


def parsed(text: bytes) -> Mapping[str, float]:
    """`name: number` lines; histograms and texts among them are no numbers and left out."""
    numbers = {}
    for line in text.decode().splitlines():
        name, _, value = line.rpartition(": ")
        with contextlib.suppress(ValueError):
            numbers[name] = float(value)
    return numbers


def increase(before: Mapping[str, float], now: Mapping[str, float]) -> Mapping[str, float]:
    """By how much each counter grew; one that shrank belongs to a new Envoy, which began at nothing."""
    return {
        name: value - before.get(name, 0.0) if value >= before.get(name, 0.0) else value for name, value in now.items()
    }


async def _body(reader: asyncio.StreamReader, target: str) -> bytes:
    received = bytearray()
    while chunk := await reader.read(65536):
        received += chunk
        if len(received) > _BIGGEST_ANSWER:
            raise ConnectionError(f"Envoy's answer to {target} is larger than {_BIGGEST_ANSWER} bytes")
    answer = http.client.HTTPResponse(SimpleNamespace(makefile=lambda _mode: io.BytesIO(received)))  # type: ignore[arg-type]
    try:
        answer.begin()
        body = answer.read()
    except http.client.HTTPException as cut:
        raise ConnectionError(f"Envoy did not answer {target}") from cut
    if answer.status != http.client.OK:
        raise ConnectionError(f"Envoy did not answer {target}")
    return body
