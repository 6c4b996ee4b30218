"""Accounts and ledger on a real PostgreSQL: whatever is asked twice, at once, or over a lost connection counts once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.postgres.tests import pools
from services.chassis.postgres.tests.server import PASSWORD, USER, Server
from services.chassis.resilience import deadline
from services.loyalty.domain import CENTS_PER_POINT, TIERS, Account, Tier, points_for, tier_of
from services.loyalty.store import AuroraStore, EntryConflict, NoSuchAccount, NotEnoughPoints

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[AuroraStore]:
    async with pools.opened(pools.pool_at(server.port, "loyalty")) as pool:
        store = AuroraStore(pool)
        await store.prepare()
        yield store


def ledger(server: Server, customer: str) -> int:
    """The sum of the customer's entries."""
    conninfo = f"postgresql://127.0.0.1:{server.port}/postgres"
    with psycopg.connect(conninfo, user=USER, password=PASSWORD) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(points), 0) FROM loyalty.ledger WHERE customer_id = %s", (customer,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def cut(server: Server) -> None:
    """End every session of the service, as a failover does."""
    conninfo = f"postgresql://127.0.0.1:{server.port}/postgres"
    with psycopg.connect(conninfo, user=USER, password=PASSWORD) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'loyalty'")


async def test_an_order_counts_once_however_often_and_at_once(server: Server) -> None:
    """Also the first of a customer, who is new to all of those that ask at once."""
    async with opened(server) as store:
        for customer in (f"once-{number}" for number in range(30)):
            results = await asyncio.gather(*(store.accrue(customer, f"o-{customer}", 5_000) for _ in range(20)))
            assert {points for _, points in results} == {50}
            assert (await store.find(customer)).balance == ledger(server, customer) == 50


async def test_orders_in_a_row_earn_by_the_tier_reached_before(server: Server) -> None:
    async with opened(server) as store:
        earned = [(await store.accrue("climber", f"o-{number}", 100_000))[1] for number in range(3)]
        assert earned == [1_000, 1_250, 1_250]
        assert (await store.find("climber")).tier.name == "silver"


async def test_points_are_never_spent_twice(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("spender", "o-spender", 100_000)
        attempts = (store.redeem("spender", f"r-{number}", 300) for number in range(10))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(each, NotEnoughPoints) for each in results) == 7
        assert (await store.find("spender")).balance == ledger(server, "spender") == 100


async def test_a_redemption_counts_once_under_its_id(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("again", "o-again", 100_000)
        await store.redeem("again", "r-again", 300)
        assert (await store.redeem("again", "r-again", 300)).balance == 700
        with pytest.raises(EntryConflict):
            await store.redeem("again", "r-again", 301)


async def test_a_refused_redemption_may_be_asked_again_when_there_is_enough(server: Server) -> None:
    async with opened(server) as store:
        await store.open("poor")
        with pytest.raises(NotEnoughPoints, match="there are 0 points"):
            await store.redeem("poor", "r-poor", 10)
        await store.accrue("poor", "o-poor", 2_000)
        assert (await store.redeem("poor", "r-poor", 10)).balance == 10


async def test_an_order_of_another_customer_under_the_same_id_is_a_conflict(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("first", "o-shared", 100)
        with pytest.raises(EntryConflict):
            await store.accrue("second", "o-shared", 100)


async def test_an_order_of_another_amount_under_the_same_id_is_a_conflict(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("amount", "o-amount", 100)
        with pytest.raises(EntryConflict):
            await store.accrue("amount", "o-amount", 200)
        assert (await store.find("amount")).balance == ledger(server, "amount") == 1


async def test_a_conflict_opens_no_account(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("owner", "o-owned", 100)
        with pytest.raises(EntryConflict):
            await store.accrue("stranger", "o-owned", 100)
        with pytest.raises(NoSuchAccount):
            await store.find("stranger")


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
@pytest.mark.parametrize("short", [0, 1], ids=["at its least", "a point below"])
async def test_the_database_reckons_by_the_tier_of_the_rules(server: Server, tier: Tier, short: int) -> None:
    """Also where a tier begins: what was earned before decides."""
    customer, before = f"{tier.name}-{short}", max(tier.least - short, 0)
    async with opened(server) as store:
        await store.accrue(customer, f"o-{customer}-1", before * CENTS_PER_POINT)
        account, points = await store.accrue(customer, f"o-{customer}-2", 9_999)
        assert points == points_for(9_999, tier_of(before))
        assert account == Account(customer_id=customer, balance=before + points, earned=before + points)


async def test_who_has_no_account_is_not_found(server: Server) -> None:
    async with opened(server) as store:
        with pytest.raises(NoSuchAccount):
            await store.find("nobody")
        with pytest.raises(NoSuchAccount):
            await store.redeem("nobody", "r-nobody", 1)


async def test_sessions_that_are_cut_are_made_anew(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("cut", "o-cut-1", 100)
        await asyncio.to_thread(cut, server)
        account, _ = await store.accrue("cut", "o-cut-2", 100)
        assert account.balance == 2


async def test_the_leaders_are_those_who_earned_most_whatever_they_spent(server: Server) -> None:
    async with opened(server) as store:
        await store.accrue("zz-rich", "o-rich", 50_000_000)
        await store.redeem("zz-rich", "r-rich", 400_000)
        assert (await store.leaders(1))[0].customer_id == "zz-rich"


async def test_a_database_that_is_not_there_is_said_within_the_deadline(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pool = pools.pool_at(1, "loyalty")
    deadline.start(0.5)
    await pool.start()
    try:
        with pytest.raises(StoreUnavailable):
            await AuroraStore(pool).find("c")
    finally:
        await pool.close()
