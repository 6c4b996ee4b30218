import asyncio
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from services.assortment import PRICES_CENTS
from services.chassis.aws.errors import AwsError
from services.chassis.aws.tests.refusals import throttled
from services.order.routes import ROUTE
from services.order.tests.fakes import Manner, Shop
from services.order.tests.samples import CROISSANT, LATTE, order


def test_an_order_is_placed_and_can_be_looked_up() -> None:
    shop = Shop()
    placed = shop.place(order())
    assert placed.status == 201
    assert placed.document["status"] == "accepted"
    order_id = placed.document["order_id"]
    assert placed.headers["location"] == f"{ROUTE}/{order_id}"

    found = shop.ask("GET", placed.headers["location"])
    assert found.status == 200
    shown = found.document
    assert shown.pop("placed_at")
    assert shown == {**order(), "order_id": order_id, "status": "accepted"}


@pytest.mark.parametrize("total", ["12.15", 12.15, "12.150"], ids=repr)
def test_the_total_may_be_a_number_or_a_text(total: object) -> None:
    assert PRICES_CENTS[LATTE] * 2 + PRICES_CENTS[CROISSANT] == 1215
    assert Shop().place(order(total_amount=total)).status == 201


def test_the_same_key_and_order_give_the_same_answer_and_one_order() -> None:
    shop = Shop()
    first = shop.place(order(), key="k-1")
    again = shop.place(order(total_amount=12.15, note="written another way"), key="k-1")
    assert (again.status, again.document) == (201, first.document)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(shop.book.orders) == 1


def test_the_same_key_with_another_order_is_a_conflict() -> None:
    shop = Shop()
    shop.place(order(), key="k-1")
    answer = shop.place(order(customer_id="customer-0002"), key="k-1")
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(shop.book.orders) == 1


def test_without_a_key_every_order_is_a_new_one() -> None:
    shop = Shop()
    assert shop.place(order()).document != shop.place(order()).document
    assert len(shop.book.orders) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "naïve", "-x"])
def test_an_unusable_key_is_refused(key: str) -> None:
    assert Shop().place(order(), key=key).status == 400


def lines(*pairs: tuple[object, object]) -> list[dict[str, object]]:
    return [{"item_id": item, "quantity": quantity} for item, quantity in pairs]


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        pytest.param({"store_id": "store-999"}, {"/store_id"}, id="no such store"),
        pytest.param({"store_id": "shop 1"}, {"/store_id"}, id="no store id"),
        pytest.param({"customer_id": ""}, {"/customer_id"}, id="no customer"),
        pytest.param({"customer_id": "x" * 65}, {"/customer_id"}, id="a customer id too long"),
        pytest.param({"customer_id": 4711}, {"/customer_id"}, id="a customer id of another type"),
        pytest.param({"items": []}, {"/items"}, id="nothing ordered"),
        pytest.param({"items": {}}, {"/items"}, id="items are no list"),
        pytest.param({"items": lines((LATTE, 1)) * 51}, {"/items"}, id="51 lines"),
        pytest.param({"items": [7]}, {"/items/0"}, id="a line that is none"),
        pytest.param({"items": lines(("unicorn-milk", 1))}, {"/items/0/item_id"}, id="unknown item"),
        pytest.param({"items": lines(("../etc", 1))}, {"/items/0/item_id"}, id="no item id"),
        pytest.param({"items": lines((LATTE, 0))}, {"/items/0/quantity"}, id="quantity 0"),
        pytest.param({"items": lines((LATTE, -1))}, {"/items/0/quantity"}, id="quantity below 0"),
        pytest.param({"items": lines((LATTE, 101))}, {"/items/0/quantity"}, id="quantity 101"),
        pytest.param({"items": lines((LATTE, 1.5))}, {"/items/0/quantity"}, id="half a latte"),
        pytest.param({"items": lines((LATTE, "1"))}, {"/items/0/quantity"}, id="quantity as text"),
        pytest.param({"items": lines((LATTE, True))}, {"/items/0/quantity"}, id="quantity true"),
        pytest.param({"items": lines((LATTE, 10**30))}, {"/items/0/quantity"}, id="an absurd quantity"),
        pytest.param({"total_amount": "12.14"}, {"/total_amount"}, id="a cent too little"),
        pytest.param({"total_amount": -12.15}, {"/total_amount"}, id="a negative total"),
        pytest.param({"total_amount": None}, {"/total_amount"}, id="no total"),
        pytest.param({"total_amount": []}, {"/total_amount"}, id="a total of another type"),
        pytest.param(
            {"store_id": "x", "customer_id": "", "total_amount": 0},
            {"/store_id", "/customer_id", "/total_amount"},
            id="every complaint at once",
        ),
    ],
)
def test_a_wrong_order_is_refused_and_says_where(changes: dict[str, object], pointers: set[str]) -> None:
    shop = Shop()
    answer = shop.place(order(**changes))
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointers == answer.pointers
    assert shop.book.orders == {}


@pytest.mark.parametrize("missing", ["store_id", "customer_id", "items", "total_amount"])
def test_every_field_is_needed(missing: str) -> None:
    incomplete = {name: value for name, value in order().items() if name != missing}
    assert Shop().place(incomplete).pointers == {f"/{missing}"}


JSON = [("content-type", "application/json")]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        pytest.param("POST", ROUTE, b"", JSON, 400, id="no body"),
        pytest.param("POST", ROUTE, b"{", JSON, 400, id="half an object"),
        pytest.param("POST", ROUTE, b'{"store_id": "\xff"}', JSON, 400, id="invalid UTF-8"),
        pytest.param("POST", ROUTE, b"[" * 100_000, JSON, 400, id="nested too deeply"),
        pytest.param(
            "POST", ROUTE, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, JSON, 400, id="objects nested too deeply"
        ),
        pytest.param("POST", ROUTE, b"[]", JSON, 422, id="a list"),
        pytest.param("POST", ROUTE, b"null", JSON, 422, id="null"),
        pytest.param("POST", ROUTE, b" " * (256 * 1024 + 1), JSON, 413, id="too large"),
        pytest.param("POST", ROUTE, b"{}", [], 415, id="no content type"),
        pytest.param("POST", ROUTE, b"a=b", [("content-type", "application/x-www-form-urlencoded")], 415, id="a form"),
        pytest.param("PUT", ROUTE, b"", [], 405, id="PUT"),
        pytest.param("GET", ROUTE, b"", [], 405, id="GET of the collection"),
        pytest.param("DELETE", f"{ROUTE}/01J00000000000000000000000", b"", [], 405, id="DELETE of an order"),
        pytest.param("GET", f"{ROUTE}/01J00000000000000000000000", b"", [], 404, id="no such order"),
        pytest.param("GET", f"{ROUTE}/idem#k-1", b"", [], 404, id="a key is no order"),
        pytest.param("GET", f"{ROUTE}/%00", b"", [], 404, id="no order id"),
        pytest.param("GET", f"{ROUTE}x", b"", [], 404, id="no such path"),
    ],
)
def test_a_request_that_is_no_order_is_a_problem(
    method: str, path: str, body: bytes, headers: list[tuple[str, str]], status: int
) -> None:
    shop = Shop()
    answer = shop.ask(method, path, body, headers)
    assert status == answer.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.document["status"] == status
    assert answer.document["instance"] == quote(path, safe="/%")
    assert shop.book.orders == {}


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e400", "1" * 5000])
def test_a_total_that_is_no_number_is_refused(token: str) -> None:
    body = json.dumps(order(total_amount=0)).replace('"total_amount": 0', f'"total_amount": {token}').encode()
    assert Shop().ask("POST", ROUTE, body, JSON).status in (400, 422)


def test_a_store_that_does_not_answer_is_503_with_a_time_to_come_back() -> None:
    shop = Shop()
    shop.book.error = throttled("TransactWriteItems")
    answer = shop.place(order())
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "ThrottlingException" not in answer.body.decode()


def test_orders_go_on_without_the_cache() -> None:
    shop = Shop()
    shop.cache.is_down = True
    placed = shop.place(order())
    assert placed.status == 201
    assert shop.ask("GET", placed.headers["location"]).status == 200


def test_a_flushed_cache_is_filled_again_and_changes_no_answer() -> None:
    shop = Shop()
    first = shop.place(order(), key="k")
    shop.cache.held.clear()
    assert shop.place(order(), key="k").document == first.document
    assert shop.place(order()).status == 201
    assert "order:prices:store-001" in shop.cache.held


def test_openapi_describes_the_orders() -> None:
    document = Shop().ask("GET", f"{ROUTE}/openapi.json").document
    paths = document["paths"]
    assert isinstance(paths, dict)
    assert {"post"} <= set(paths[ROUTE])
    assert {"201", "400", "409", "413", "415", "422", "503"} <= set(paths[ROUTE]["post"]["responses"])
    text = json.dumps(document)
    components = document["components"]
    assert isinstance(components, dict)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(components["schemas"]), "a reference leads nowhere"


def _dearer(shop: Shop) -> None:
    shop.menu.prices = {LATTE: 1}
    shop.cache.held.clear()


def _without_menu(shop: Shop) -> None:
    shop.menu.is_away = True
    shop.cache.held.clear()


def _without_inventory(shop: Shop) -> None:
    shop.inventory.manner = "away"


def _sold_out(shop: Shop) -> None:
    shop.inventory.each = 0


CHANGES = (_dearer, _without_menu, _without_inventory, _sold_out)


@pytest.mark.parametrize(
    "changes", [*((change,) for change in CHANGES), CHANGES], ids=[*(each.__name__ for each in CHANGES), "_all"]
)
def test_a_replay_is_answered_whatever_has_changed_since(changes: tuple[Callable[[Shop], None], ...]) -> None:
    shop = Shop()
    first = shop.place(order(), key="k-1")
    for change in changes:
        change(shop)
    again = shop.place(order(), key="k-1")
    assert (again.status, again.document) == (201, first.document)
    assert again.headers["idempotent-replayed"] == "true"
    held = [number for number, (status, _) in shop.inventory.reservations.items() if status == "held"]
    assert held == [first.document["order_id"]]


def test_another_order_under_a_used_key_is_told_so_also_where_it_would_be_refused_anyway() -> None:
    shop = Shop()
    shop.place(order(), key="k-1")
    _dearer(shop)
    answer = shop.place(order(store_id="store-002"), key="k-1")
    assert (answer.status, str(answer.document["type"]).rpartition(":")[2]) == (409, "key-reused")


def test_an_order_is_kept_without_its_key_being_looked_up() -> None:
    """The write tells; a call less for every order."""
    shop = Shop()
    shop.book.error_of_looking = AwsError(operation="GetItem", code="X", message="x", status=400)
    assert shop.place(order(), key="k-1").status == 201
    assert shop.place(order(), key="k-1").headers["idempotent-replayed"] == "true"


def test_two_with_one_key_at_the_same_moment_are_one_order_and_one_reservation() -> None:
    shop = Shop()
    body, headers = json.dumps(order()).encode(), [*JSON, ("idempotency-key", "k-1")]

    async def both() -> list[object]:
        answers = await asyncio.gather(*(shop.ask_async("POST", ROUTE, body, headers) for _ in range(2)))
        return [answer.document["order_id"] for answer in answers]

    first, second = asyncio.run(both())
    assert first == second
    statuses = {order_id: status for order_id, (status, _) in shop.inventory.reservations.items()}
    assert statuses.pop(str(first)) == "held"
    assert set(statuses.values()) <= {"released"}


def test_an_order_is_held_until_it_is_taken() -> None:
    shop = Shop()
    order_id = str(shop.place(order()).document["order_id"])
    assert shop.inventory.reservations[order_id] == ("held", {LATTE: 2, CROISSANT: 1})
    assert shop.book.orders[order_id].stock == "held"


@pytest.mark.parametrize("manner", ["away", "takes and says nothing"])
def test_orders_go_on_while_inventory_is_away(manner: Manner) -> None:
    shop = Shop()
    shop.inventory.manner = manner
    placed = shop.place(order())
    assert placed.status == 201
    assert shop.book.orders[str(placed.document["order_id"])].stock == "owed"


def test_a_store_that_is_out_of_it_takes_no_order() -> None:
    shop = Shop()
    shop.inventory.each = 1
    answer = shop.place(order())
    assert answer.status == 409
    assert str(answer.document["type"]).endswith(":out-of-stock")
    assert LATTE in str(answer.document["detail"])
    assert (shop.book.orders, shop.inventory.reservations) == ({}, {})


@pytest.mark.parametrize(
    ("may_have_happened", "status"),
    [pytest.param(False, "released", id="refused for certain"), pytest.param(True, "held", id="outcome unknown")],
)
def test_what_was_reserved_is_given_back_only_where_no_order_was_kept(may_have_happened: bool, status: str) -> None:
    """An order whose write nobody answered may be handed on: it must find its hold, or no tombstone at least."""
    shop = Shop()
    shop.book.error_of_placing = AwsError(
        operation="TransactWriteItems", code="X", message="x", status=400, may_have_happened=may_have_happened
    )
    assert shop.place(order()).status == 503
    assert [kept for kept, _ in shop.inventory.reservations.values()] == [status]


def test_a_price_that_has_just_changed_is_the_one_that_holds() -> None:
    shop = Shop()
    shop.place(order())
    shop.menu.prices[LATTE] += 10
    shop.age_lists()
    assert shop.place(order(total_amount="12.35")).status == 201


def test_orders_are_priced_by_what_was_known_last_while_menu_is_away() -> None:
    shop = Shop()
    shop.place(order())
    shop.menu.is_away = True
    shop.age_lists()
    assert shop.place(order()).status == 201
    shop.cache.is_down = True
    assert shop.place(order()).status == 201


def test_without_any_menu_nobody_can_order_yet_and_is_told_when() -> None:
    shop = Shop()
    shop.menu.is_away = True
    answer = shop.place(order())
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert shop.inventory.reservations == {}
