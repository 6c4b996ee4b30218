"""The pool over a real PostgreSQL that cuts sessions, turns into a reader, is slow, or is not there."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.chassis.postgres.pool import (
    CONNECTIONS,
    NAME,
    NO_PATIENCE,
    Patience,
    StoreUnavailable,
    WriterPool,
    prepared,
)
from services.chassis.postgres.tests import pools
from services.chassis.postgres.tests.pools import PATIENT
from services.chassis.postgres.tests.server import Server, free_port, home
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget
from services.chassis.web.health import Dependencies

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(
    port: int, patience: Patience = PATIENT, **more: Any
) -> AsyncIterator[tuple[WriterPool, Dependencies]]:
    dependencies = Dependencies(NAME)
    async with pools.opened(pools.pool_at(port, "pool-test", patience, dependencies=dependencies, **more)) as pool:
        yield pool, dependencies


async def test_a_session_that_was_cut_is_made_anew(server: Server) -> None:
    async with opened(server.port) as (pool, dependencies):
        [(mine,)] = await pool.ask("SELECT pg_backend_pid()")
        await asyncio.to_thread(server.sql, f"SELECT pg_terminate_backend({int(mine)})")
        [(other,)] = await pool.ask("SELECT pg_backend_pid()")
        assert other != mine
        assert dependencies.report()[NAME]["state"] == "ok"


async def test_sessions_that_were_cut_while_idle_cost_no_try(server: Server) -> None:
    told: list[str] = []
    async with opened(server.port, on_retry=lambda: told.append("again")) as (pool, _):
        await asyncio.gather(*(pool.ask("SELECT pg_sleep(0.05)") for _ in range(CONNECTIONS)))
        cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pool-test'"
        await asyncio.to_thread(server.sql, cut)
        assert await pool.ask("SELECT 1") == [(1,)]
        assert told == []


async def test_a_writer_that_has_become_a_reader_is_left(server: Server) -> None:
    """As after a failover: sessions to the old writer live on, and the name leads to the new one soon."""

    async with opened(server.port) as (pool, _):
        [(reader, _)] = await pool.ask(
            "SELECT pg_backend_pid(), set_config('default_transaction_read_only', 'on', false)"
        )
        sessions = {await pool.run(creates) for _ in range(CONNECTIONS)}  # each of the pool's had its turn
        assert reader not in sessions


async def creates(connection: Any) -> int:
    """Writes what a reader refuses; whose session it was."""
    await connection.execute("CREATE TABLE IF NOT EXISTS written (id int)")
    return int(connection.info.backend_pid)


async def test_no_more_is_asked_again_than_the_budget_has(server: Server) -> None:
    told: list[str] = []
    more: dict[str, Any] = {"budget": RetryBudget(ratio=0.0, reserve=1.0), "on_retry": lambda: told.append("again")}
    async with opened(server.port, PATIENT, **more) as (pool, dependencies):
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await pool.ask("SELECT pg_terminate_backend(pg_backend_pid())")
        assert told == ["again"]
        assert dependencies.report()[NAME]["state"] == "failing"


async def test_a_statement_that_takes_too_long_is_ended(server: Server) -> None:
    async with opened(server.port, Patience(statement_s=0.05, attempts=1)) as (pool, _):
        with pytest.raises(StoreUnavailable, match="timeout"):
            await pool.ask("SELECT pg_sleep(30)")


async def test_work_is_a_transaction_and_leaves_nothing_when_it_fails(server: Server) -> None:
    async def work(connection: Any) -> None:
        await connection.execute("CREATE TABLE half_done (id int)")
        raise LookupError("the rest")

    async with opened(server.port) as (pool, _):
        with pytest.raises(LookupError):
            await pool.run(work)
        assert await pool.ask("SELECT to_regclass('half_done')") == [(None,)]


async def test_a_database_that_is_not_there_is_waited_for_until_the_deadline() -> None:
    async with opened(free_port()) as (pool, _):
        deadline.start(0.2)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await pool.ask("SELECT 1")
        assert time.monotonic() - began < 10.0  # and not for as long as its patience would be


async def test_a_database_that_is_back_is_found_by_who_asks() -> None:
    with home() as folder:
        away = Server.fresh(folder / "data")
        async with opened(away.port) as (pool, _):
            for _ in range(3):
                deadline.start(0.3)
                with pytest.raises(StoreUnavailable):
                    await pool.ask("SELECT 1")
            await asyncio.to_thread(away.start)
            try:
                deadline.start(20.0)
                assert await pool.ask("SELECT 1") == [(1,)]
            finally:
                await asyncio.to_thread(away.stop)


async def test_without_patience_nothing_is_asked_twice(server: Server) -> None:
    told: list[str] = []
    async with opened(server.port, NO_PATIENCE, on_retry=lambda: told.append("again")) as (pool, _):
        with pytest.raises(StoreUnavailable):
            await pool.ask("SELECT pg_terminate_backend(pg_backend_pid())")
        assert told == []


async def test_tables_are_made_however_late_there_is_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.chassis.postgres.pool.PREPARE_AGAIN_S", 0.0)
    tries: list[int] = []

    async def prepare() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailable("nobody there")

    await prepared(prepare)
    assert len(tries) == 3
