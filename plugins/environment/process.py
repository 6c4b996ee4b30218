"""Which process of a run this is, and how it speaks to the person who started it: a worker of xdist has no terminal."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infrastructure.errors import EnvironmentFault


def worker(config: pytest.Config) -> Mapping[str, Any]:
    """What the controller gave this xdist worker; empty in any other process."""
    found: Mapping[str, Any] = getattr(config, "workerinput", {})
    return found


def talk(config: pytest.Config) -> Callable[[str], None]:
    """Writes a line past pytest's capturing; nowhere in a worker, which has no terminal."""

    def write(line: str) -> None:
        terminal = config.pluginmanager.getplugin("terminalreporter")
        capture = config.pluginmanager.getplugin("capturemanager")
        if terminal is None or worker(config):
            return
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            terminal.ensure_newline()
            terminal.write_line(line)

    return write


def lost(cut: OSError) -> EnvironmentFault:
    """A worker of xdist was gone when the controller gave it its tests."""
    return EnvironmentFault(
        f"a worker ended before it was given its tests ({cut}). Run again; if it happens again, look what ends"
        " processes on this machine: too little memory does (`dmesg`), and fewer workers (-n) need less"
    )
