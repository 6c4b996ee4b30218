"""What `cafe doctor` says of who gets in: loopback is shared with every user of this machine.

What can be tried is tried, on the platform of `dev` if one is up.
"""

import functools
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from infrastructure import cloud, environment
from infrastructure.embedded.host import reach
from infrastructure.errors import CafeError, EnvironmentFault
from infrastructure.state import PlatformRecord
from infrastructure.status import PlatformStatus

ROOTS_OWN = frozenset({"guard", "zygote", "zygote-lambda"})
"""Root's processes of a platform that root started, beside the daemon: they give the others their users."""
_ANSWER_S = 2.0
_POSTGRES_HELLO = b"\0\3\0\0user\0rdsadmin\0database\0postgres\0\0"
"""The superuser's greeting (protocol 3.0), as anybody could send it."""


def caches() -> str:
    """Valkey turns away whoever has no password."""
    told = "ask for a password made anew at every start, and know none of the commands that ElastiCache withholds"
    tried = [
        _turned_away(name, url, b"PING\r\n", lambda answer: answer.startswith(b"-NOAUTH"))
        for name, url in _endpoints("elasticache", "memorydb")
    ]
    return _said(told, tried)


def databases() -> str:
    """PostgreSQL turns away the superuser by TCP, and everybody without a password."""
    told = "ask for a password (SCRAM); their superuser comes in by a socket that knows the platform's user alone"
    hello = (len(_POSTGRES_HELLO) + 4).to_bytes(4, "big") + _POSTGRES_HELLO
    tried = [
        _turned_away(name, url, hello, lambda answer: answer.startswith(b"E"))
        for name, url in _endpoints("aurora_writer", "aurora_reader")
    ]
    return _said(told, tried)


def processes() -> str:
    """Under root nothing but the daemon and its helpers is root's."""
    if os.getuid() != 0:
        return f"all are {_name(os.getuid())}'s, who starts them; other users can neither read nor signal them"
    if reach.unreachable():
        raise EnvironmentFault(reach.warning())
    look = _look()
    running = look.processes if look is not None else ()
    roots = sorted(each.id for each in running if each.kind not in ROOTS_OWN and _owner(each.pid) == 0)
    if roots:
        raise EnvironmentFault(
            f"{', '.join(roots)} run as root: end the platform, which is another version's: cafe down"
        )
    own = "servers, tools, tasks and sandboxes run as users of their own; the daemon, which serves the AWS API,"
    return f"{own} its guard and the two processes that fork are root's. Better: start it as an ordinary user"


def files() -> str:
    """Nobody else enters the state folder, and what processes have lies in folders of their own."""
    state = cloud.state_folder(environment.load("dev"))
    for folder in filter(Path.is_dir, (state.root, state.root.parent)):
        if folder.stat().st_mode & 0o077:
            raise EnvironmentFault(f"{folder} is open to others; close it: chmod 700 {folder}")
    apart = f"; processes' files in folders of their users under {state.run.parent}" if os.getuid() == 0 else ""
    return f"secrets, logs and journal in {state.root}, for {_name(os.getuid())} alone{apart}"


def _endpoints(*names: str) -> Iterator[tuple[str, str]]:
    look = _look()
    return ((name, look.endpoints[name]) for name in names if look is not None and name in look.endpoints)


@functools.cache
def _look() -> PlatformStatus | None:
    """The platform of `dev`; None when none is up."""
    where = environment.load("dev")
    if PlatformRecord.read(cloud.state_folder(where)) is None:
        return None
    try:
        return cloud.attach(where, "embedded").status()
    except CafeError:  # it is coming up, or going
        return None


def _turned_away(name: str, url: str, hello: bytes, is_refusal: Callable[[bytes], bool]) -> str:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=_ANSWER_S) as stranger:
        stranger.sendall(hello)
        answer = stranger.recv(1024)
    if not is_refusal(answer):
        raise EnvironmentFault(f"{name} let a stranger in: end the platform, which is another version's: cafe down")
    return name


def _said(told: str, tried: list[str]) -> str:
    trial = f"tried on {' and '.join(tried)}" if tried else "no platform of dev is up to try it on"
    return f"{told} ({trial})"


def _name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def _owner(pid: int | None) -> int | None:
    """Who a process runs as, as the kernel tells everybody; None for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1])


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("caches", caches),
    ("databases", databases),
    ("processes", processes),
    ("files", files),
)
