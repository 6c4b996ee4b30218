"""What `cafe doctor` says of who gets in, tried on an embedded platform if one is up."""

import contextlib
import functools
import os
import pwd
from collections.abc import Callable
from pathlib import Path

from infrastructure import closed, cloud, environment
from infrastructure.embedded.host import reach
from infrastructure.errors import CafeError, EnvironmentFault
from infrastructure.state import PlatformRecord


def _caches() -> str:
    told = "ask for a password made anew at every start, and know none of the commands that ElastiCache withholds"
    return _tried(told, closed.caches)


def _databases() -> str:
    told = "ask for a password (SCRAM); their superuser comes in by a socket that knows the platform's user alone"
    return _tried(told, closed.databases)


def _processes() -> str:
    if os.getuid() != 0:
        return f"all are {_name()}'s, who starts them; other users can neither read nor signal them"
    if reach.unreachable():
        raise EnvironmentFault(reach.warning())
    told = (
        "servers, tools, tasks and sandboxes run as users of their own; root's are the daemon, which serves the AWS"
        " API, its guard and the two processes that fork. Better: start it as an ordinary user"
    )
    return _tried(told, closed.processes)


def _files() -> str:
    state = cloud.state_folder(environment.load("dev"))
    for folder in filter(Path.is_dir, (state.root, state.root.parent)):
        if folder.stat().st_mode & 0o077:
            raise EnvironmentFault(f"{folder} is open to others; close it: chmod 700 {folder}")
    apart = f"; processes' files in folders of their users under {state.run.parent}" if os.getuid() == 0 else ""
    return f"secrets, logs and journal in {state.root}, for {_name()} alone{apart}"


def _tried(told: str, problem: Callable[[cloud.Platform], str | None]) -> str:
    platform = _platform()
    if platform is None:
        return f"{told} (no platform is up to try it on)"
    found = problem(platform)
    if found is not None:
        ending = f"cafe down --env {platform.environment.name}"
        raise EnvironmentFault(f"{found}: end the platform, which is another version's: {ending}")
    return f"{told} (tried)"


@functools.cache
def _platform() -> cloud.Platform | None:
    """The first that answers, of any environment on the embedded cloud."""
    for where in map(environment.load, environment.names()):
        if where.target == "embedded" and PlatformRecord.read(cloud.state_folder(where)) is not None:
            with contextlib.suppress(CafeError):  # it is coming up, or going
                return cloud.attach(where, "embedded")
    return None


def _name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("caches", _caches),
    ("databases", _databases),
    ("processes", _processes),
    ("files", _files),
)
