"""Does the platform on this machine let strangers in? Loopback is shared with every user of the machine.

Each question is tried on the running platform and gives what is open, None when nothing is. On AWS the stores lie in
private subnets, and nothing is tried.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from infrastructure.cloud import Platform
from infrastructure.embedded.host import reach

ROOTS_OWN = frozenset({"guard", "zygote", "zygote-lambda"})
"""Kinds of root's processes on a platform that root started, beside the daemon: they give the others their users."""
_ANSWER_S = 2.0
_UNAUTHORIZED = 13
_START = b"\0\3\0\0user\0rdsadmin\0database\0postgres\0\0"
"""PostgreSQL's start-up message (protocol 3.0), for the superuser: it needs no secret to be sent."""


def caches(platform: Platform) -> str | None:
    """Caches that answer somebody without a password."""
    return _let_in(platform, ("elasticache", "memorydb"), b"PING\r\n", lambda answer: answer.startswith(b"-NOAUTH"))


def databases(platform: Platform) -> str | None:
    """Database endpoints that do not turn away somebody who calls himself the superuser."""
    message = (len(_START) + 4).to_bytes(4, "big") + _START
    return _let_in(platform, ("aurora_writer", "aurora_reader"), message, lambda answer: answer.startswith(b"E"))


def documents(platform: Platform) -> str | None:
    """Whether DocumentDB does anything for somebody who has not proven who he is."""
    import pymongo
    import pymongo.errors

    if platform.target == "aws":
        return None
    parts = urlsplit(platform.endpoint("documentdb"))
    stranger = pymongo.MongoClient[dict[str, object]](
        f"mongodb://{parts.hostname}:{parts.port}/?replicaSet=rs0", serverSelectionTimeoutMS=_ANSWER_S * 1000
    )
    try:
        with stranger:
            stranger.admin.command("listDatabases")
    except pymongo.errors.OperationFailure as refused:
        return None if refused.code == _UNAUTHORIZED else f"documentdb answers a stranger with {refused}"
    return "documentdb let a stranger in"


def processes(platform: Platform) -> str | None:
    """What runs as root though it need not. Services must where others cannot reach the code: `cafe doctor` says so."""
    if platform.target == "aws" or os.getuid() != 0 or reach.unreachable():
        return None
    running = platform.status().processes
    roots = sorted(each.id for each in running if each.kind not in ROOTS_OWN and _owner(each.pid) == 0)
    return f"{', '.join(roots)} run as root" if roots else None


def _let_in(
    platform: Platform, endpoints: tuple[str, ...], hello: bytes, is_refusal: Callable[[bytes], bool]
) -> str | None:
    if platform.target == "aws":
        return None
    opened = [name for name in endpoints if not is_refusal(_answer(platform.endpoint(name), hello))]
    return f"{' and '.join(opened)} let a stranger in" if opened else None


def _answer(url: str, hello: bytes) -> bytes:
    """What a server says to somebody who shows no password."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=_ANSWER_S) as stranger:
        stranger.sendall(hello)
        return stranger.recv(1024)


def _owner(pid: int | None) -> int | None:
    """Who a process runs as, as the kernel tells everybody; None for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])
