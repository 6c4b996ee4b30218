"""A supervisor for the length of a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.state import StateFolder


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
