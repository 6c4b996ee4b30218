"""Asking the warehouse for the tiers: once for many, kept for a while, and never for longer than a request lives."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from services.chassis.aws.data_api import Record, WarehouseAway
from services.chassis.tests import virtual_time
from services.loyalty.domain import TIERS
from services.loyalty.tiers import ASKING_S, PATIENCE_S, QUERY, TTL_S, TierAnalytics, TierWorth, read_report

ROWS: list[Record] = [
    [
        {"stringValue": "gold"},
        {"longValue": 2},
        {"stringValue": "700"},
        {"stringValue": "12000"},
        {"stringValue": "1234567"},
        {"longValue": 1_795_000_000},
    ]
]


class Warehouse:
    """Answers after `takes_s`, or is away."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.is_away = False
        self.asked: list[str] = []
        self.cancelled: list[str] = []

    async def ask(self, statement: str) -> str:
        if self.is_away:
            raise WarehouseAway("paused")
        self.asked.append(statement)
        return f"statement-{len(self.asked)}"

    async def answer(self, statement: str) -> list[Record]:
        await asyncio.sleep(self.takes_s)
        return ROWS

    async def cancel(self, statement: str) -> None:
        self.cancelled.append(statement)


def told(warehouse: Warehouse, story: Callable[[TierAnalytics], Coroutine[Any, Any, None]]) -> None:
    """Play `story` in virtual time."""

    async def play() -> None:
        analytics = TierAnalytics(warehouse, clock=asyncio.get_running_loop().time)
        await story(analytics)
        await analytics.close()

    virtual_time.run(play())


def test_rows_are_read_and_tiers_without_members_are_there_too() -> None:
    report = read_report(ROWS)
    gold = TierWorth(tier="gold", members=2, balance=700, earned=12_000, revenue_cents=1_234_567)
    assert report.as_of == 1_795_000_000
    assert report.tiers == tuple(gold if tier.name == "gold" else TierWorth(tier=tier.name) for tier in TIERS)
    assert read_report([]).as_of is None


def test_many_who_ask_at_a_time_are_one_statement_and_so_is_who_asks_soon_after() -> None:
    warehouse = Warehouse(takes_s=1.0)

    async def story(analytics: TierAnalytics) -> None:
        reports = await asyncio.gather(*(analytics.report() for _ in range(20)))
        assert len(set(map(id, reports))) == 1
        await analytics.report()
        assert warehouse.asked == [QUERY]
        await asyncio.sleep(TTL_S)
        await analytics.report()
        assert len(warehouse.asked) == 2

    told(warehouse, story)


def test_a_slow_answer_is_not_waited_for_and_found_by_whoever_asks_later() -> None:
    warehouse = Warehouse(takes_s=PATIENCE_S + 2.0)

    async def story(analytics: TierAnalytics) -> None:
        with pytest.raises(WarehouseAway, match="no answer yet"):
            await analytics.report()
        assert (await analytics.report()).as_of == 1_795_000_000
        assert len(warehouse.asked) == 1

    told(warehouse, story)


def test_a_statement_that_takes_for_ever_is_cancelled() -> None:
    warehouse = Warehouse(takes_s=10 * ASKING_S)

    async def story(analytics: TierAnalytics) -> None:
        with pytest.raises(WarehouseAway):
            await analytics.report()
        await asyncio.sleep(ASKING_S)
        assert warehouse.cancelled == ["statement-1"]

    told(warehouse, story)


def test_a_warehouse_that_comes_back_is_asked_again() -> None:
    warehouse = Warehouse()
    warehouse.is_away = True

    async def story(analytics: TierAnalytics) -> None:
        with pytest.raises(WarehouseAway, match="paused"):
            await analytics.report()
        warehouse.is_away = False
        assert (await analytics.report()).as_of is not None

    told(warehouse, story)
