"""`cafe doctor`: is everything here that a platform on this machine needs, and what exactly is it?"""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click

from infrastructure import cloud, environment
from infrastructure.cli import closed
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.ports import Ports
from infrastructure.errors import EnvironmentFault
from infrastructure.state import make_private

_PYTHON = (3, 11)
_PACKAGES = ("boto3", "moto", "fastapi", "uvicorn", "locust", "pytest", "pytest-xdist", "pydantic")
_ROOM_MIB = 500
"""A platform takes 110 when it comes up; logs and data grow with what is done to it."""
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@click.command()
def doctor() -> None:
    """Check that this machine has what a platform needs."""
    problems = 0
    for name, check in CHECKS:
        try:
            click.echo(f"ok    {name:10} {check()}")
        except (EnvironmentFault, OSError, metadata.PackageNotFoundError) as problem:
            problems += 1
            click.echo(f"FAIL  {name:10} {problem}")
    if problems:
        raise EnvironmentFault(f"{problems} of {len(CHECKS)} checks failed; each says above what it needs")


def _python() -> str:
    if sys.version_info < _PYTHON:
        raise EnvironmentFault(f"Python {platform.python_version()}; needed is {'.'.join(map(str, _PYTHON))} or later")
    return f"{platform.python_version()} {sys.executable} on {platform.platform()}, {os.cpu_count()} cores"


def _packages() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)


def _binary(name: str) -> Callable[[], str]:
    return lambda: str(binaries.find(name))


def _ports() -> str:
    """A port on loopback that a platform would get, clear of the kernel's range of outgoing ones."""
    ports = Ports()
    try:
        free = ports.allocate()
    finally:
        ports.close()
    with socket.create_server(("127.0.0.1", free)):
        low, high = _PORT_RANGE.read_text(encoding="ascii").split()
    return f"loopback listens (tried {free}); outgoing connections use {low} to {high}"


def _folders() -> str:
    """The folder platforms live in can be written, is nobody else's to read, and has room."""
    home = cloud.state_folder(environment.load("dev")).root.parent
    make_private(home)
    mode = home.stat().st_mode & 0o777
    if mode & 0o077:
        raise EnvironmentFault(f"{home} can be read by others (mode {mode:03o}); close it: chmod 700 {home}")
    if not os.access(home, os.W_OK):
        raise EnvironmentFault(f"{home} cannot be written by this user; set CLOUDCAFE_HOME to a folder that can")
    free = shutil.disk_usage(home).free >> 20
    if free < _ROOM_MIB:
        raise EnvironmentFault(
            f"{home} is on a disk with {free} MiB of room, a platform needs {_ROOM_MIB}: make room, or set"
            " CLOUDCAFE_HOME to a folder on another disk"
        )
    return f"{home} (mode {mode:03o}, {free} MiB of room)"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("python", _python),
    ("packages", _packages),
    *((program.name, _binary(program.name)) for program in binaries.PROGRAMS),
    ("ports", _ports),
    ("folders", _folders),
    *closed.CHECKS,
)
"""In the order shown; each returns what it found or raises what is wrong and what to do."""
