"""A writer that lives and lets nobody in: taken for dead, and a reader takes over; one that is only slow is not."""

import asyncio
import contextlib
import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.embedded.apis.rds import liveness
from infrastructure.embedded.apis.rds.tests.aurora_world import FIRST, SECOND, Aurora
from infrastructure.embedded.engines.postgres.engine import PostgresNode
from infrastructure.embedded.host import proctree
from infrastructure.embedded.tests.passes import measure
from infrastructure.embedded.tests.processes import has_ended

pytestmark = pytest.mark.anyio


HARDLY_EVER_S = 1e6


def freeze(*pids: int) -> None:
    """SIGSTOP each; a session that has just hung up may end before it is its turn."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("limit", ["HUNG_S", "STOPPED_S"])
@pytest.mark.parametrize("is_whole", [True, False], ids=["all of its processes", "the one that lets clients in"])
async def test_a_frozen_writer_is_ended_and_the_reader_takes_over(
    pair: Aurora, is_whole: bool, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its silence, or sooner by its state."""
    for name in ("HUNG_S", "STOPPED_S"):
        monkeypatch.setattr(liveness, name, 0.3 if name == limit else HARDLY_EVER_S)
    assert pair.writer.id == FIRST
    process = pair.writer.node.process
    assert process is not None
    processes = (process.pid, *proctree.children_of(process.pid))
    freeze(*(processes if is_whole else processes[:1]))
    await pair.settle()
    assert pair.roles == {FIRST: False, SECOND: True}
    assert pair.states == {FIRST: "available", SECOND: "available"}
    assert await pair.ask(pair.writer, "SELECT id FROM orders") == [(1,)], "nothing that was committed is lost"
    assert all([await asyncio.to_thread(has_ended, pid, 5.0) for pid in processes])


@pytest.mark.parametrize("sign", ["its state", "its silence"])
async def test_a_server_that_seems_to_hang_wakes_the_controller(
    pair: Aurora, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair.controller._metrics.asking, "within_s", 0.05)
    process = pair.writer.node.process
    assert process is not None
    if sign == "its state":
        process.pause()
        async with asyncio.timeout(10):
            while not proctree.is_stopped(process.pid):  # noqa: ASYNC110  the kernel tells nobody
                await asyncio.sleep(0.005)
    else:
        freeze(*proctree.children_of(process.pid))
    pair.world.woken.clear()
    await measure(pair.world.context.metrics, pair.controller._metrics.asking)
    assert "rds" in pair.world.woken


async def test_a_stop_is_seen_while_a_question_is_still_open(pair: Aurora, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the writer that was stopped in the middle of it: the question would be given up 2 s later."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def unanswered(*_: object, **__: object) -> str:
        asked.set()
        await answer.wait()
        raise TimeoutError

    monkeypatch.setattr(PostgresNode, "value", unanswered)
    metrics = pair.world.context.metrics
    metrics.collect(1.0, time.time() - 1.0)
    await asked.wait()
    process = pair.writer.node.process
    assert process is not None
    process.pause()
    async with asyncio.timeout(10):
        while not proctree.is_stopped(process.pid):  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.005)
    pair.world.woken.clear()
    metrics.collect(1.0, time.time())
    assert "rds" in pair.world.woken


class Slow:
    """A server that is stopped, or not, at each look, and answers after the last one."""

    def __init__(self, states: list[bool]) -> None:
        self.spec = self.process = SimpleNamespace(name="slow", pid=1)
        self._states = states
        self._answer = asyncio.Event()

    async def newly_asked(self, *_: object) -> str:
        await self._answer.wait()
        return "1"

    def is_stopped(self, _pid: int) -> bool:
        is_stopped = self._states.pop(0)
        if not self._states:
            self._answer.set()
        return is_stopped


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([False] * 9, False),
        ([True] * 4 + [False] * 2, False),
        ([True, True, True, True, False] * 4, False),
        ([False, False] + [True] * 5, True),
    ],
    ids=["slow", "stopped for a moment", "for several moments", "for good"],
)
async def test_only_silence_or_a_stop_that_lasts_is_a_hang(
    states: list[bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: Any = Slow(states)
    monkeypatch.setattr(liveness, "_LOOK_S", 0.001)
    monkeypatch.setattr(liveness, "STOPPED_S", 0.004)
    monkeypatch.setattr(proctree, "is_stopped", slow.is_stopped)
    assert await liveness.is_hung(slow) is expected
