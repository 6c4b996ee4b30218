"""Reading the menu over HTTP, from a small server that says what menu says."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from services.assortment import PRICES_CENTS
from services.chassis.http.peer import PeerAway
from services.order.menu import Menu
from services.order.price_list import PriceList
from services.order.tests.servers import Answered, Asked, Server

NOW = 1_795_000_000.0


class Kitchen:
    """The menu of one version, by pages of `limit` items or fewer."""

    def __init__(self, page: int = 100) -> None:
        self.items = sorted(PRICES_CENTS.items())
        self.version = 1
        self.page = page

    def __call__(self, asked: Asked) -> Answered:
        etag = f'"{self.version}"'
        if asked.headers.get("if-none-match") == etag:
            return Answered(status=304, headers={"ETag": etag})
        query = parse_qs(urlsplit(asked.path).query)
        after, limit = query.get("after", [""])[0], min(int(query["limit"][0]), self.page)
        rest = [item for item in self.items if item[0] > after]
        document = {
            "items": [
                {"item_id": item, "name": "?", "category": "?", "price_cents": cents} for item, cents in rest[:limit]
            ],
            "next": rest[limit - 1][0] if len(rest) > limit else None,
            "version": self.version,
        }
        return Answered(document=document, headers={"ETag": etag, "Cache-Control": "public, max-age=60"})


def reading(
    handler: Callable[[Asked], Answered], known: PriceList | None = None
) -> tuple[PriceList | str, list[Asked]]:
    """The list, or why there is none, and what was asked for it."""

    async def read() -> tuple[PriceList | str, list[Asked]]:
        async with Server(handler).running() as server:
            peer = server.peer("menu")
            try:
                return await Menu(peer, clock=lambda: NOW).read(known), server.asked
            except PeerAway as away:
                return str(away), server.asked
            finally:
                peer.close()

    return asyncio.run(read())


@pytest.mark.parametrize("page", [2, 7, 100])
def test_all_pages_make_one_list(page: int) -> None:
    listed, asked = reading(Kitchen(page))
    assert listed == PriceList(prices=PRICES_CENTS, etag='"1"', read_at=NOW)
    assert len(asked) == -(-len(PRICES_CENTS) // page)
    assert {each.path.partition("?")[0] for each in asked} == {"/api/menu/items"}


def test_a_menu_that_has_not_changed_costs_one_short_answer() -> None:
    known = PriceList(prices={"latte-grande": 1}, etag='"1"', read_at=1.0)
    listed, asked = reading(Kitchen(7), known)
    assert listed == PriceList(prices={"latte-grande": 1}, etag='"1"', read_at=NOW)
    assert len(asked) == 1


def test_a_menu_that_has_changed_is_read_again() -> None:
    known = PriceList(prices={"latte-grande": 1}, etag='"0"', read_at=1.0)
    listed, _ = reading(Kitchen(), known)
    assert listed == PriceList(prices=PRICES_CENTS, etag='"1"', read_at=NOW)


def test_pages_of_two_versions_are_not_one_list() -> None:
    kitchen = Kitchen(60)

    def changing_once(asked: Asked) -> Answered:
        if "after" in asked.path and kitchen.version == 1:
            kitchen.version, kitchen.items = 2, [(item, cents + 1) for item, cents in kitchen.items]
        return kitchen(asked)

    listed, _ = reading(changing_once)
    assert isinstance(listed, PriceList)
    assert listed.prices == {item: cents + 1 for item, cents in PRICES_CENTS.items()}
    assert listed.etag == '"2"'


def test_a_menu_that_changes_all_the_time_is_given_up_on() -> None:
    kitchen = Kitchen(60)

    def changing(asked: Asked) -> Answered:
        kitchen.version += 1
        return kitchen(asked)

    listed, _ = reading(changing)
    assert "changed" in str(listed)


def test_a_cursor_that_leads_in_circles_ends() -> None:
    def circling(asked: Asked) -> Answered:
        return Answered(document={"items": [{"item_id": "a", "price_cents": 1}], "next": "a", "version": 1})

    listed, asked = reading(circling)
    assert "does not end" in str(listed)
    assert len(asked) < 100


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(None, id="no body"),
        pytest.param([], id="a list"),
        pytest.param({"items": [], "next": None}, id="no version"),
        pytest.param({"items": [{"item_id": "a", "price_cents": 0}], "next": None, "version": 1}, id="a price of 0"),
        pytest.param({"items": [{"item_id": "a", "price_cents": "1"}], "next": None, "version": 1}, id="a text"),
        pytest.param({"items": [{"item_id": "a b", "price_cents": 1}], "next": None, "version": 1}, id="no item id"),
    ],
)
def test_what_is_no_menu_prices_nothing(document: object) -> None:
    listed, _ = reading(lambda _: Answered(document=document))
    assert "no menu" in str(listed)


@pytest.mark.parametrize("status", [304, 404, 500, 503])
def test_an_answer_of_whoever_stands_in_for_menu_prices_nothing(status: int) -> None:
    """304 too: nothing is known that could be unchanged."""
    listed, _ = reading(lambda _: Answered(status=status))
    assert str(status) in str(listed)
