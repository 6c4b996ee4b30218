"""Users of their own for what a platform runs, when root has started it: numbers that are nobody's.

A server, a task, a sandbox each has a number of its own for user and group: it owns its data, and reads and signals
nothing of the others'. Anybody but root runs everything as himself: then there are no numbers, and `of` gives None.

Numbers are taken in blocks, one platform's at a time, from 65,536 to 99,999, which no distribution gives to people,
services or containers; where a container has no such users, from what is left above people's.
Sources: https://systemd.io/UIDS-GIDS/, useradd(8) (SUB_UID_MIN)
"""

import collections
import contextlib
import grp
import os
import pwd
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.claims import claim
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    import socket

BLOCK = 2000
"""Users per block: a platform of a thousand sandboxes needs one."""
_CANDIDATES = (*range(66_000, 98_001, BLOCK), *range(50_000, 58_001, BLOCK))
_MAP = Path("/proc/self/uid_map")


class Users:
    """Gives a number to each name; one that was released comes round last, long after its last process and file.

    `note` is a file that tells whoever comes after a crash which blocks were ours.
    """

    def __init__(self, blocks: Iterable[int] = _CANDIDATES, note: Path | None = None) -> None:
        self._note = note
        self._unclaimed = collections.deque(blocks)
        self._claims: list[socket.socket] = []
        self._free: collections.deque[int] = collections.deque()
        self._numbers: dict[str, int] = {}

    def of(self, name: str) -> int | None:
        """The user, and group, called `name` here: the same one until `release`; None when we are not root.

        `EnvironmentFault` when every number is taken.
        """
        if os.getuid() != 0:
            return None
        if name not in self._numbers:
            if not self._free:
                self._claim_block()
            self._numbers[name] = self._free.popleft()
        return self._numbers[name]

    def release(self, name: str) -> None:
        """Nothing of that name is left. A name that has no number is passed over."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._free.append(number)

    def own(self, path: Path, name: str) -> None:
        """Give `path`, a folder that is made if need be with all that it holds or a file, to `name` alone."""
        if not path.is_file():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = self.of(name)
        if number is None:
            return
        os.chown(path, number, number)
        path.chmod(path.stat().st_mode & 0o700)
        for folder, folders, files in os.walk(path):
            for entry in (*folders, *files):
                os.chown(f"{folder}/{entry}", number, number, follow_symlinks=False)

    def lend(self, folder: Path, name: str) -> None:
        """Give `folder` and all that is in it to `name`, for its group to read: for those who have it in `reads`."""
        self.own(folder, name)
        if self.of(name) is None:
            return
        for place, folders, files in os.walk(folder):
            for entry in (place, *(f"{place}/{each}" for each in (*folders, *files))):
                mode = os.stat(entry).st_mode & 0o700  # noqa: PTH116
                os.chmod(entry, mode | (mode & 0o500) >> 3)  # noqa: PTH101 - thousands of them

    def close(self) -> None:
        """Give everything back. The kernel does the same when the process ends."""
        while self._claims:
            self._claims.pop().close()
        self._free.clear()
        self._numbers.clear()

    def _claim_block(self) -> None:
        taken, last = taken_numbers(), _last_mapped()
        while self._unclaimed:
            first = self._unclaimed.popleft()
            block = range(first, first + BLOCK)
            if block[-1] > last or not taken.isdisjoint(block):
                continue
            held = claim(f"users-{first}")
            if held is not None:
                self._claims.append(held)
                self._write_down(first)
                self._free.extend(block)
                return
        raise EnvironmentFault(
            f"no {BLOCK} user numbers in a row are free from {min(_CANDIDATES)} to {max(_CANDIDATES) + BLOCK - 1}:"
            " other platforms, /etc/passwd or running processes have them. Next: `cafe down` ends a platform; or start"
            " this one as an ordinary user"
        )

    def _write_down(self, first: int) -> None:
        if self._note is not None:
            self._note.touch(mode=0o600)
            with self._note.open("a", encoding="ascii") as note:
                note.write(f"{first}\n")


@contextlib.contextmanager
def left_by(note: Path) -> Iterator[tuple[range, ...]]:
    """The blocks in `note` that no living platform has; none takes them before the end of the `with`."""
    try:
        firsts = {int(line) for line in note.read_text(encoding="ascii").split()}
    except FileNotFoundError:
        firsts = set()
    with contextlib.ExitStack() as claims:
        held = [(first, claim(f"users-{first}")) for first in sorted(firsts)]
        for _, taken in held:
            if taken is not None:
                claims.enter_context(taken)
        yield tuple(range(first, first + BLOCK) for first, taken in held if taken is not None)


def taken_numbers() -> set[int]:
    """The users and groups that have a name here, and whoever has a process."""
    named = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    return named | _running()


def idle_system_user(busy: Collection[int] | None = None) -> str:
    """A user with a name that may do nothing and does nothing now; for programs that insist on a name.

    `busy` are the users who have a process, where the caller knows better than /proc. `EnvironmentFault` when all do.
    """
    running = _running() if busy is None else busy
    idle = [
        entry
        for entry in pwd.getpwall()
        if entry.pw_uid > 0 and (entry.pw_uid < 1000 or entry.pw_name == "nobody") and entry.pw_uid not in running
    ]
    if not idle:
        raise EnvironmentFault("every system user in /etc/passwd has a process; `ps -eo user` shows them")
    # The older an account, the more may belong to it: `daemon` and `bin` are first, those of packages last.
    return max(idle, key=lambda entry: entry.pw_uid if entry.pw_name != "nobody" else 0).pw_name


def _running() -> set[int]:
    return {user for _, user in proctree.users()}


def _last_mapped() -> int:
    """The highest user that there is in this user namespace (user_namespaces(7))."""
    ranges = [tuple(map(int, line.split())) for line in _MAP.read_text(encoding="ascii").splitlines()]
    return max(inside + count - 1 for inside, _outside, count in ranges)
