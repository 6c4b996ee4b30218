"""Code that is stored: what keeps it from being unpacked is told once, and what is no fault of its own passes."""

import asyncio
import gc
from pathlib import Path
from typing import Any, cast

import pytest

from infrastructure.embedded.engines.functions import package
from infrastructure.embedded.engines.functions.engine import Functions
from infrastructure.embedded.tests.control import run
from infrastructure.embedded.tests.function_world import ECHO, zipped
from infrastructure.embedded.tests.processes import OneUser
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

ARCHIVE = zipped({"app.py": ECHO})


class Refusing:
    """A supervisor of a system that has no process left."""

    users = OneUser()

    def add_zygote(self, name: str, command: tuple[str, ...]) -> None:
        """None is ever forked."""

    def warm(self, name: str) -> None:
        """Nor started."""

    async def start(self, spec: object) -> None:
        raise EnvironmentFault("the system refuses a process: Resource temporarily unavailable")


def _engine(folder: Path) -> Functions:
    return Functions(cast("Any", Refusing()), StateFolder(folder), 30.0)


async def _stored(engine: Functions) -> Path:
    _, folder = engine.store(ARCHIVE)
    await asyncio.wait(engine._unpacking.values())  # which looks at no exception
    return folder


def _refuse(_archive: bytes, _target: Path) -> None:
    raise OSError(28, "No space left on device")


def test_code_that_cannot_be_compiled_ahead_of_its_first_start_is_stored(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = _engine(tmp_path)
        folder = await _stored(engine)
        assert (engine.problem(folder), (folder / "app.py").read_text()) == ("", ECHO)
        await engine.stored(folder)

    run(scenario())


def test_code_that_did_not_fit_is_unpacked_when_it_is_stored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        engine = _engine(tmp_path)
        with monkeypatch.context() as full:
            full.setattr(package, "unpack", _refuse)
            first = await _stored(engine)
        assert "No space left" in engine.problem(first)
        second = await _stored(engine)
        assert (engine.problem(second), second == first) == ("", False)
        engine.keep({second}, set())
        assert (engine.problem(first), engine.problem(second)) == ("", ""), "the first attempt is forgotten"
        await engine.close()

    run(scenario())


def test_what_keeps_code_from_being_unpacked_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(package, "unpack", _refuse)
        await _stored(_engine(tmp_path))
        gc.collect()  # asyncio tells of exceptions that nobody looked at when their task is collected

    run(scenario())
    assert [(each.name, "No space left" in each.getMessage()) for each in caplog.records] == [
        ("infrastructure.embedded.engines.functions.engine", True)
    ]
