"""A supervisor for the length of a test."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from infrastructure.embedded.host import reach
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.state import StateFolder

needs_views = pytest.mark.skipif(os.getuid() != 0 or not reach.has_views(), reason="only root gives views of files")


@asynccontextmanager
async def supervised(state: StateFolder) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(state, zygote=processes.LIGHT_ZYGOTE)
    try:
        yield supervisor
    finally:
        await supervisor.close()


def run(state: StateFolder, body: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with supervised(state) as supervisor:
            await body(supervisor)

    asyncio.run(all_of_it())
