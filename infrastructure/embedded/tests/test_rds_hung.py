"""A writer that lives and lets nobody in: taken for dead, and a reader takes over."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.embedded import proctree
from infrastructure.embedded.controllers import rds_cluster
from infrastructure.embedded.tests.aurora_world import FIRST, SECOND, Aurora, aurora, own_state
from infrastructure.embedded.tests.processes import has_ended

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pair(postgres_home: Path) -> AsyncIterator[Aurora]:
    """A writer with one row, and a reader that confirms."""
    async with aurora(own_state(postgres_home)) as made:
        made.create(FIRST, SECOND)
        await made.settle()
        await made.fill()
        yield made


@pytest.mark.parametrize("is_whole", [True, False], ids=["all of its processes", "the one that lets clients in"])
async def test_a_frozen_writer_is_ended_and_the_reader_takes_over(
    pair: Aurora, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rds_cluster, "HUNG_S", 0.3)
    assert pair.writer.id == FIRST
    process = pair.writer.node.process
    assert process is not None
    processes = (process.pid, *proctree.children_of(process.pid))
    for pid in processes if is_whole else processes[:1]:
        os.kill(pid, signal.SIGSTOP)
    await pair.settle()
    assert pair.roles == {FIRST: False, SECOND: True}
    assert pair.states == {FIRST: "available", SECOND: "available"}
    assert await pair.ask(pair.writer, "SELECT id FROM orders") == [(1,)], "nothing that was committed is lost"
    assert all([await asyncio.to_thread(has_ended, pid, 5.0) for pid in processes])
