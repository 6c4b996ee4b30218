"""The endpoints, over a store and a leaderboard made of nothing."""

import asyncio
import json
from typing import Any

import pytest

from services.chassis.aws.data_api import WarehouseAway
from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.web.tests.asking import Answer, ask, surface
from services.loyalty.domain import Account, points_for
from services.loyalty.routes import ROUTE, add_routes
from services.loyalty.store import EntryConflict, NoSuchAccount, NotEnoughPoints
from services.loyalty.tiers import TierReport, TierWorth


class FakeStore:
    """Accounts in memory; `is_away` stands for a database that does not answer."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.entries: dict[str, tuple[str, int]] = {}
        self.is_away = False

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailable("nobody there")

    async def open(self, customer_id: str) -> tuple[Account, bool]:
        self._check()
        is_new = customer_id not in self.accounts
        return self.accounts.setdefault(customer_id, Account(customer_id=customer_id)), is_new

    async def find(self, customer_id: str) -> Account:
        self._check()
        if customer_id not in self.accounts:
            raise NoSuchAccount(customer_id)
        return self.accounts[customer_id]

    async def accrue(self, customer_id: str, order_id: str, total_cents: int) -> tuple[Account, int]:
        account, _ = await self.open(customer_id)
        if self.entries.setdefault(order_id, (customer_id, total_cents)) != (customer_id, total_cents):
            raise EntryConflict(f"order {order_id}")
        points = points_for(total_cents, account.tier)
        changed = Account(customer_id=customer_id, balance=account.balance + points, earned=account.earned + points)
        self.accounts[customer_id] = changed
        return changed, points

    async def redeem(self, customer_id: str, _redemption_id: str, points: int) -> Account:
        account = await self.find(customer_id)
        if account.balance < points:
            raise NotEnoughPoints(f"there are {account.balance} points")
        changed = Account(customer_id=customer_id, balance=account.balance - points, earned=account.earned)
        self.accounts[customer_id] = changed
        return changed

    async def leaders(self, count: int) -> list[Account]:
        self._check()
        return sorted(self.accounts.values(), key=lambda each: (-each.earned, each.customer_id))[:count]


class FakeBoard:
    """A leaderboard; `is_away` stands for MemoryDB that does not answer."""

    def __init__(self) -> None:
        self.scores: dict[str, int] = {}
        self.is_stale = True
        self.is_away = False

    async def note(self, *accounts: Account) -> None:
        self.is_stale = self.is_stale or self.is_away
        self.scores |= {} if self.is_away else {each.customer_id: each.earned for each in accounts}

    async def fill(self, leaders: list[Account]) -> None:
        await self.note(*leaders)
        self.is_stale = self.is_away

    async def top(self, count: int) -> list[tuple[str, int]] | None:
        return None if self.is_away else sorted(self.scores.items(), key=lambda pair: -pair[1])[:count]


class FakeAnalytics:
    """What the warehouse says; None while it is away."""

    def __init__(self) -> None:
        self.known: TierReport | None = None

    async def report(self) -> TierReport:
        if self.known is None:
            raise WarehouseAway("paused")
        return self.known


class World:
    """The application with its fakes, and calls on it."""

    def __init__(self) -> None:
        self.store, self.board, self.analytics = FakeStore(), FakeBoard(), FakeAnalytics()
        self._app = surface(ROUTE, lambda app: add_routes(app, self.store, self.board, self.analytics), title="loyalty")

    def post(self, path: str, **body: Any) -> Answer:
        headers = [("content-type", "application/json")]
        return asyncio.run(ask(self._app, "POST", f"{ROUTE}{path}", json.dumps(body).encode(), headers))

    def get(self, path: str) -> Answer:
        return asyncio.run(ask(self._app, "GET", f"{ROUTE}{path}"))


@pytest.fixture
def world() -> World:
    return World()


def test_an_account_is_opened_once(world: World) -> None:
    assert world.post("/accounts", customer_id="c").status == 201
    again = world.post("/accounts", customer_id="c")
    assert (again.status, again.document["tier"]) == (200, "bronze")


def test_points_of_an_order_are_added_and_the_tier_follows(world: World) -> None:
    made = world.post("/points/accrue", customer_id="c", order_id="o", total_cents=100_000).document
    assert (made["points"], made["balance"], made["tier"]) == (1_000, 1_000, "silver")
    tier = world.get("/tier/c").document
    assert (tier["multiplier"], tier["next_tier"], tier["points_to_next"]) == (1.25, "gold", 4_000)


def test_the_highest_tier_has_no_next_one(world: World) -> None:
    world.post("/points/accrue", customer_id="c", order_id="o", total_cents=2_000_000)
    assert world.get("/tier/c").document["next_tier"] is None


def test_redeeming_leaves_what_was_earned(world: World) -> None:
    world.post("/points/accrue", customer_id="c", order_id="o", total_cents=100_000)
    left = world.post("/points/redeem", customer_id="c", redemption_id="r", points=400).document
    assert (left["balance"], left["earned"]) == (600, 1_000)
    refused = world.post("/points/redeem", customer_id="c", redemption_id="s", points=601)
    assert (refused.status, refused.document["detail"]) == (409, "there are 600 points")


@pytest.mark.parametrize("path", ["/points/nobody", "/tier/nobody"])
def test_who_has_no_account_is_not_found(world: World, path: str) -> None:
    answer = world.get(path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_an_order_of_another_amount_under_the_same_id_is_a_conflict(world: World) -> None:
    world.post("/points/accrue", customer_id="c", order_id="o", total_cents=100)
    assert world.post("/points/accrue", customer_id="c", order_id="o", total_cents=200).status == 409


@pytest.mark.parametrize(
    "body",
    [
        {"customer_id": "", "order_id": "o", "total_cents": 1},
        {"customer_id": "c", "order_id": "o", "total_cents": -1},
        {"customer_id": "c", "order_id": "o", "total_cents": 100_000_001},
        {"customer_id": "c", "order_id": "o", "total_cents": "1"},
        {"customer_id": "c", "order_id": "o"},
        {"customer_id": "c", "order_id": "o", "total_cents": 1, "more": 1},
    ],
)
def test_what_is_no_accrual_is_refused_with_the_place(world: World, body: dict[str, object]) -> None:
    answer = world.post("/points/accrue", **body)
    assert answer.status == 422
    assert answer.document["errors"]


def test_the_leaderboard_has_who_earned_most_first(world: World) -> None:
    for customer, cents in (("a", 100), ("b", 300), ("c", 200)):
        world.post("/points/accrue", customer_id=customer, order_id=f"o-{customer}", total_cents=cents)
    found = world.get("/leaderboard?limit=2").document
    assert found == {
        "degraded": False,
        "leaders": [{"customer_id": "b", "earned": 3}, {"customer_id": "c", "earned": 2}],
    }


def test_without_memorydb_the_leaderboard_is_degraded_and_right(world: World) -> None:
    world.board.is_away = True
    world.post("/points/accrue", customer_id="a", order_id="o", total_cents=500)
    found = world.get("/leaderboard").document
    assert found == {"degraded": True, "leaders": [{"customer_id": "a", "earned": 5}]}
    world.board.is_away = False
    world.get("/leaderboard")
    assert world.get("/leaderboard").document["degraded"] is False


def test_without_the_database_the_answer_says_to_try_again(world: World) -> None:
    world.store.is_away = True
    answer = world.post("/points/accrue", customer_id="c", order_id="o", total_cents=100)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_tiers_are_told_with_the_time_they_are_of(world: World) -> None:
    silver = TierWorth(tier="silver", members=2, balance=1_500, earned=2_500, revenue_cents=250_005)
    world.analytics.known = TierReport(as_of=1_795_000_000, tiers=(TierWorth(tier="bronze"), silver))
    assert world.get("/analytics/tiers").document == {
        "as_of": 1_795_000_000,
        "tiers": [
            {"tier": "bronze", "members": 0, "balance": 0, "earned": 0, "revenue": "0.00"},
            {"tier": "silver", "members": 2, "balance": 1_500, "earned": 2_500, "revenue": "2500.05"},
        ],
    }


def test_without_the_warehouse_tiers_cannot_be_told_and_points_go_on(world: World) -> None:
    answer = world.get("/analytics/tiers")
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "5"
    assert world.post("/points/accrue", customer_id="c", order_id="o", total_cents=100).status == 200
