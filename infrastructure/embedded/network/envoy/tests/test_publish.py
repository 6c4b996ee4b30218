"""What is published is written, whatever went wrong before, and looked after. No Envoy runs here."""

import asyncio
from collections.abc import Mapping

import pytest

from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy import process
from infrastructure.embedded.network.envoy.model import Endpoint, Fragment, Upstream
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.embedded.tests.wire import eventually
from infrastructure.state import StateFolder


class ScriptedEnvoy(Envoy):
    """Starts no process; each look at its statistics waits for the number of refusals in `refusals`."""

    def __init__(self, state: StateFolder) -> None:
        super().__init__(Supervisor(state, zygote=LIGHT_ZYGOTE), state)
        self.looks = asyncio.Semaphore(0)
        self.refusals: asyncio.Queue[float] = asyncio.Queue()

    async def _launch(self) -> None:
        """It serves at once."""

    async def stats(self, pattern: str) -> Mapping[str, float]:
        self.looks.release()
        return {pattern: await self.refusals.get()}


def fragment(port: int) -> Fragment:
    return Fragment(upstreams=(Upstream(name="group", endpoints=(Endpoint("127.0.0.1", port),)),))


def test_what_could_not_be_written_is_written_by_the_next_publication(state: StateFolder) -> None:
    """As on a full disk: the controller fails, and tries the same again."""

    async def test() -> None:
        made = ScriptedEnvoy(state)
        folder = state.run / "envoy"
        (folder / "eds-group.json.new").mkdir(parents=True)
        with pytest.raises(OSError, match="eds-group"):
            made.publish("test", fragment(1))
        (folder / "eds-group.json.new").rmdir()
        made.publish("test", fragment(1))
        assert b'"port_value":1}' in (folder / "eds-group.json").read_bytes()
        await made.close()

    asyncio.run(test())


def test_what_is_published_during_the_last_look_is_looked_after_too(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "VERIFY_PAUSES_S", (0.0,))

    async def test() -> None:
        made = ScriptedEnvoy(state)
        await made.start()
        made.publish("test", fragment(1))
        await made.looks.acquire()
        made.publish("test", fragment(2))
        made.refusals.put_nowait(0.0)
        async with asyncio.timeout(30):
            await made.looks.acquire()
        made.refusals.put_nowait(1.0)
        await eventually(is_logged)
        await made.close()

    async def is_logged() -> bool:
        return "refused a configuration" in caplog.text

    asyncio.run(test())
