"""Sandboxes start a few at a time, and one that hangs does not keep the others from starting."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from infrastructure.embedded.engines.functions import fleet as functions_fleet
from infrastructure.embedded.engines.functions.fleet import Host, SandboxFleet
from infrastructure.embedded.engines.functions.spec import FunctionSpec

if TYPE_CHECKING:
    from infrastructure.embedded.engines.functions.sandbox import Sandbox

pytestmark = pytest.mark.anyio


class _Slow:
    """A sandbox whose Init phase lasts until it is let go."""

    is_alive = True
    id = "slow"
    idle_since = 0.0

    def __init__(self, let_go: asyncio.Event) -> None:
        self._let_go = let_go

    async def start(self, _limit_s: float) -> None:
        await self._let_go.wait()

    async def run(self, *_: object) -> str:
        return "ran"

    async def stop(self) -> None:
        """Nothing was started."""


class _Starts:
    """A fleet over one place to start at; the sandboxes in the order in which they were made."""

    def __init__(self) -> None:
        self.made: list[_Slow] = []
        self._let_go = asyncio.Event()
        self.places = asyncio.Semaphore(1)
        host = Host(new_sandbox=lambda _: cast("Sandbox", self._new()), starts=self.places, idle_s=9.0)
        spec = FunctionSpec(
            name="f", version="1", arn="arn:f", handler="app.f", timeout_s=3.0, memory_mb=128, code=Path("code")
        )
        self.fleet = SandboxFleet(spec, host)

    def _new(self) -> _Slow:
        self.made.append(_Slow(self._let_go))
        return self.made[-1]

    def let_all_go(self) -> None:
        self._let_go.set()

    def invoke(self) -> "asyncio.Task[Any]":
        return asyncio.create_task(self.fleet.run("request", b"{}", "arn:f"))


async def test_a_start_waits_for_its_turn_and_no_longer_than_for_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(functions_fleet, "TURN_S", 0.05)
    starts = _Starts()
    hangs, waits = starts.invoke(), starts.invoke()
    await asyncio.sleep(0)
    assert (len(starts.made), starts.places.locked()) == (1, True)
    async with asyncio.timeout(5):
        while len(starts.made) < 2:  # noqa: ASYNC110  # the turn ends by the loop's clock alone
            await asyncio.sleep(0.005)
    assert not hangs.done(), "it goes on with what it does"
    starts.let_all_go()
    assert [await hangs, await waits] == ["ran", "ran"]
    await starts.fleet.close()


async def test_a_place_is_given_back_once_however_a_start_ends() -> None:
    starts = _Starts()
    given_up = starts.invoke()
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    runs = [starts.invoke(), starts.invoke()]
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(starts.made) == 2, "one that was given up, one that starts; the third waits for its turn"
    starts.let_all_go()
    assert [await run for run in runs] == ["ran", "ran"]
    await starts.fleet.close()
