"""Whether other users can reach what they are to run: started by root, a platform runs as users that root's home is
closed to, and there may lie Python, this project, or the servers.

Where the system gives a process a view of the files of its own, the launcher opens the way in there. Where it does not,
servers keep the right to read what others own, and what is forked from us stays root's: `cafe doctor` says so, and the
start does.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

from infrastructure.embedded.host import launcher

_SOURCE_ROOT = Path(__file__).parents[__name__.count(".")]
_PROBE_S = 10.0


@functools.cache
def closed(*folders: str) -> tuple[str, ...]:
    """Those of `folders` that others cannot enter, each by its real name; what lies in another one is left out."""
    shut = sorted({real for each in folders if launcher.first_closed(real := os.path.realpath(each)) is not None})
    return tuple(path for path in shut if not any(path.startswith(f"{other}/") for other in shut))


def code() -> tuple[str, ...]:
    """The folders of Python and of this project that others cannot enter."""
    return closed(sys.base_prefix, sys.prefix, str(_SOURCE_ROOT), *filter(os.path.isdir, sys.path))


def needed_by(program: str) -> tuple[str, ...]:
    """What a program needs and others cannot enter: all code for Python, else the folder it was installed in."""
    return code() if program == sys.executable else closed(str(Path(program).resolve().parents[1]))


@functools.cache
def has_views() -> bool:
    """Whether a process can be given a view of the files in which others can enter `code`."""
    probe = (sys.executable, "-I", "-S", launcher.__file__, "probe", *code())
    return subprocess.run(probe, capture_output=True, timeout=_PROBE_S, check=False).returncode == 0


def warning() -> str:
    """What it means that something is `unreachable`, and what to do."""
    return (
        f"other users may not enter {', '.join(unreachable())}, and this system gives no process a view of the files of"
        " its own: services and functions run as root, and servers may read what is root's. Next: have Python and this"
        " project where others may enter (chmod o+x), or start platforms as an ordinary user"
    )


def unreachable() -> tuple[str, ...]:
    """What other users cannot be given a way to; empty when nothing."""
    return code() if code() and not has_views() else ()
