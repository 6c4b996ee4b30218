"""A server counts as started when it answers; one that does not is ended, and its log says why."""

import itertools
from collections.abc import Awaitable, Callable

import pytest

from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE, python
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
WAITS = python("import signal; signal.pause()", name="server")


async def asked(
    state: StateFolder, spec: ProcessSpec, ask: Callable[[], Awaitable[str | None]], within_s: float = 10.0
) -> tuple[str, bool]:
    """The answer, and whether the server still runs afterwards; its end is made sure of."""
    supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
    try:
        process = await supervisor.start(spec)
        try:
            return await answer_of(supervisor, process, ask, within_s=within_s), process.state == "running"
        except BaseException:
            assert process.state == "exited", "its name is free for the next attempt"
            raise
    finally:
        await supervisor.close()


async def test_it_is_asked_until_it_answers(state: StateFolder) -> None:
    problems: list[Exception | None] = [ConnectionRefusedError(), TimeoutError(), EnvironmentFault("starting up"), None]
    looks = itertools.chain(problems, itertools.repeat("ready"))

    async def ask() -> str | None:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    assert await asked(state, WAITS, ask) == ("ready", True)


async def nothing() -> None:
    raise ConnectionRefusedError


async def test_one_that_ends_says_why(state: StateFolder) -> None:
    spec = python("import sys; sys.exit('cannot bind')", name="server")
    with pytest.raises(EnvironmentFault, match=r"test server ended with 1; `cafe logs server`") as raised:
        await asked(state, spec, nothing)
    assert raised.value.log == ("cannot bind",)


async def test_one_that_does_not_answer_in_time_is_ended(state: StateFolder) -> None:
    with pytest.raises(EnvironmentFault, match=r"test server did not answer in 0\.05 s"):
        await asked(state, WAITS, nothing, within_s=0.05)


async def test_a_defect_of_who_asks_is_no_silence(state: StateFolder) -> None:
    async def defective() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asked(state, WAITS, defective)
