"""Pools on a test's own PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.chassis.postgres.pool import NAME, Patience, WriterPool
from services.chassis.postgres.tests.server import PASSWORD, USER
from services.chassis.resilience import deadline
from services.chassis.web.health import Dependencies

PATIENT = Patience()


async def login() -> dict[str, str]:
    return {"user": USER, "password": PASSWORD}


def pool_at(
    port: int,
    application: str,
    patience: Patience = PATIENT,
    *,
    dependencies: Dependencies | None = None,
    **more: Any,
) -> WriterPool:
    """A pool that nobody has started; `more` is the budget, and who is told of retries."""
    url = f"postgresql://127.0.0.1:{port}/postgres"
    return WriterPool(url, login, dependencies or Dependencies(NAME), patience, application=application, **more)


@asynccontextmanager
async def opened(pool: WriterPool, within_s: float = 20.0) -> AsyncIterator[WriterPool]:
    """`pool` from its start to its end, for a test that has `within_s`."""
    deadline.start(within_s)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
