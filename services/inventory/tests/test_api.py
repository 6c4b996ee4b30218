"""The endpoints, over stock and a cache made of nothing."""

import asyncio
import json
from typing import Any

import pytest

from services.chassis.figures.tests.counts import Counts
from services.chassis.redis.tests.memory import MemoryCache
from services.chassis.web.operators import Operators
from services.chassis.web.tests.asking import Answer, OneSecret, ask, surface
from services.inventory.desk import OUT_OF_STOCK, RELEASED, RESERVED, RESTOCKED, TAKEN, Desk
from services.inventory.levels import CachedLevels
from services.inventory.routes import ROUTE, add_routes
from services.inventory.tests.fakes import FakeStock

TOKEN = "only-operators-know"
ORDER = {"order_id": "o", "store_id": "store-001", "items": [{"item_id": "latte-grande", "quantity": 2}]}
DELIVERY = {"store_id": "store-001", "items": [{"item_id": "latte-grande", "quantity": 50}]}


class World:
    """The application with its fakes, and calls on it."""

    def __init__(self) -> None:
        self.stock, self.counts = FakeStock(), Counts()
        desk = Desk(self.stock, CachedLevels(self.stock, MemoryCache(), self.counts), self.counts)
        operators = Operators(OneSecret(TOKEN), "operators")
        self._app = surface(ROUTE, lambda app: add_routes(app, desk, operators), title="inventory")

    def post(self, path: str, body: object, **headers: str) -> Answer:
        given = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asyncio.run(ask(self._app, "POST", f"{ROUTE}{path}", text, list(given.items())))

    def restock(self, body: object = DELIVERY, key: str = "monday", token: str = TOKEN) -> Answer:
        return self.post("/restock", body, idempotency_key=key, authorization=f"Bearer {token}")

    def get(self, path: str) -> Answer:
        return asyncio.run(ask(self._app, "GET", f"{ROUTE}{path}"))


@pytest.fixture
def world() -> World:
    return World()


def test_a_store_shows_what_it_has(world: World) -> None:
    assert world.get("/store/store-001").document == {
        "store_id": "store-001",
        "items": [{"item_id": "latte-grande", "available": 2_000, "reserved": 0}],
    }


@pytest.mark.parametrize("store", ["store-000", "store-201", "x" * 64, "%00", "store-001%0d%0a"])
def test_a_store_that_is_none_is_not_found(world: World, store: str) -> None:
    answer = world.get(f"/store/{store}")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_stock_is_held_for_an_order_once(world: World) -> None:
    made, again = world.post("/reserve", {**ORDER, "hold_s": 30}), world.post("/reserve", {**ORDER, "hold_s": 30})
    assert (made.status, again.status) == (201, 200)
    assert made.document == again.document == {"order_id": "o", "status": "held", "expires_at": 30.0}
    assert world.counts[RESERVED] == 1


def test_without_a_word_a_hold_is_for_two_minutes(world: World) -> None:
    assert world.post("/reserve", ORDER).document["expires_at"] == 120.0


def test_the_same_pieces_in_other_lines_are_the_same_reservation(world: World) -> None:
    world.post("/reserve", ORDER)
    lines = [{"item_id": "latte-grande", "quantity": 1}] * 2
    assert world.post("/reserve", {**ORDER, "items": lines}).status == 200


def test_what_is_not_there_is_refused_with_the_items(world: World) -> None:
    world.stock.available = 1
    answer = world.post("/reserve", ORDER)
    assert (answer.status, str(answer.document["type"]).rpartition(":")[2]) == (409, "out-of-stock")
    assert answer.document["errors"] == [{"pointer": "/items", "detail": "latte-grande"}]
    assert (world.counts[OUT_OF_STOCK], world.counts[RESERVED]) == (1, 0)


def test_another_reservation_of_the_order_is_a_conflict(world: World) -> None:
    world.post("/reserve", ORDER)
    answer = world.post("/reserve", {**ORDER, "store_id": "store-002"})
    assert (answer.status, str(answer.document["type"]).rpartition(":")[2]) == (409, "id-in-use")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"order_id": ""}, "/order_id"),
        ({"order_id": "x" * 129}, "/order_id"),
        ({"order_id": "a\nb"}, "/order_id"),
        ({"store_id": "store-201"}, "/store_id"),
        ({"items": []}, "/items"),
        ({"items": [{"item_id": "latte-grande", "quantity": 1}] * 51}, "/items"),
        ({"items": [{"item_id": "unicorn-grande", "quantity": 1}]}, "/items"),
        ({"items": [{"item_id": "latte-grande", "quantity": 0}]}, "/items/0/quantity"),
        ({"items": [{"item_id": "latte-grande", "quantity": 1_001}]}, "/items/0/quantity"),
        ({"items": [{"item_id": "latte-grande", "quantity": "1"}]}, "/items/0/quantity"),
        ({"items": [{"item_id": "latte-grande", "quantity": True}]}, "/items/0/quantity"),
        ({"hold_s": 0}, "/hold_s"),
        ({"hold_s": 901}, "/hold_s"),
        ({"hold_s": float("nan")}, "/hold_s"),
    ],
)
def test_what_is_no_reservation_is_refused_with_the_place(world: World, change: dict[str, Any], pointer: str) -> None:
    answer = world.post("/reserve", {**ORDER, **change})
    assert (answer.status, answer.pointers) == (422, {pointer})


@pytest.mark.parametrize("path", ["/reserve", "/take", "/release"])
def test_a_body_that_is_no_json_is_refused(world: World, path: str) -> None:
    assert world.post(path, b"{").status == 400
    assert world.post(path, ORDER, content_type="text/plain").status == 415
    assert world.post(path, b" " * (256 * 1024 + 1)).status == 413


def test_orders_are_taken_and_one_that_cannot_be_keeps_no_other_waiting(world: World) -> None:
    other = {**ORDER, "order_id": "p"}
    odd = {**ORDER, "order_id": "q", "store_id": "store-999"}
    answer = world.post("/take", {"orders": [ORDER, odd, other, ORDER]})
    assert answer.document == {
        "results": [
            {"order_id": "o", "status": "taken"},
            {"order_id": "q", "status": "unknown"},
            {"order_id": "p", "status": "taken"},
        ]
    }
    assert world.counts[TAKEN] == 2


def test_an_order_asked_for_twice_differently_is_refused(world: World) -> None:
    answer = world.post("/take", {"orders": [ORDER, {**ORDER, "store_id": "store-002"}]})
    assert (answer.status, answer.pointers) == (422, {"/orders/0/order_id"})


def test_a_hundred_orders_are_taken_at_once_and_no_more(world: World) -> None:
    orders = [{**ORDER, "order_id": f"o-{number}"} for number in range(101)]
    assert len(world.post("/take", {"orders": orders[:100]}).document["results"]) == 100  # type: ignore[arg-type]
    assert world.post("/take", {"orders": orders}).status == 422


def test_what_was_held_is_released_once_and_stays_so(world: World) -> None:
    world.post("/reserve", ORDER)
    for _ in range(2):
        answer = world.post("/release", {"order_id": "o"})
        assert (answer.status, answer.document) == (200, {"order_id": "o", "status": "released"})
    assert world.counts[RELEASED] == 1
    refused = world.post("/reserve", ORDER)
    assert (refused.status, str(refused.document["type"]).rpartition(":")[2]) == (409, "released")


def test_a_delivery_is_booked_once_by_operators(world: World) -> None:
    assert [world.restock().status for _ in range(2)] == [201, 200]
    assert world.restock().document == DELIVERY
    assert world.counts[RESTOCKED] == 50
    assert world.restock({**DELIVERY, "store_id": "store-002"}).status == 409


def test_others_book_no_delivery(world: World) -> None:
    assert world.post("/restock", DELIVERY, idempotency_key="k").status == 401
    assert world.restock(token="guessed").status == 403
    assert world.stock.deliveries == {}


@pytest.mark.parametrize("key", ["", "x" * 129, "a b"])
def test_a_delivery_without_a_usable_key_is_refused(world: World, key: str) -> None:
    assert world.restock(key=key).status == 400


def test_without_the_database_the_answer_says_to_try_again(world: World) -> None:
    world.stock.is_away = True
    answers = [
        world.post("/reserve", ORDER),
        world.post("/take", {"orders": [ORDER]}),
        world.post("/release", {"order_id": "o"}),
        world.restock(),
        world.get("/store/store-001"),
    ]
    assert [(each.status, each.headers["retry-after"]) for each in answers] == [(503, "1")] * 5


def test_openapi_describes_every_request_without_a_reference_that_leads_nowhere(world: World) -> None:
    document = world.get("/openapi.json").document
    paths = document["paths"]
    assert isinstance(paths, dict)
    assert {"reserve", "take", "release", "restock"} <= {path.rpartition("/")[2] for path in paths}
    assert "$defs" not in json.dumps(paths)
