"""What each journey makes of what the server does."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from plugins.books.history import Attempt
from plugins.load.basket import Basket
from plugins.load.journeys import IN_PODS, JOURNEYS, BrowseBack, LookUp, PlaceOrder, ReadMenu, Reserve, journey
from plugins.load.retry import Retry
from plugins.load.visit import Ending, Memory, Reply, Visit
from services.assortment import PRICES_CENTS

CREATED = Reply(status=201, body=b'{"order_id": "o-1", "status": "accepted"}')
FOUND = Reply(status=200, body=b'{"order_id": "o-1"}')
BUSY = Reply(status=503)
SILENCE = Reply(failure="timeout")
REFUSED = Reply(failure="connection refused", is_sent=False)


@dataclass
class Server:
    """Gives the replies one after another, and remembers what it was asked."""

    replies: Iterable[Reply]
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = iter(self.replies)

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        self.asked.append((method, path, headers, body))
        return next(self._next)


@dataclass
class Customer:
    """Runs journeys against a server and keeps what came of it."""

    server: Server
    retry: Retry | None = None
    attempts: list[Attempt] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def visit(self, key: str = "key-1") -> Visit:
        return Visit(
            key=key,
            scheduled_at=1000.0,
            ask=self.server,
            draw=random.Random(3),  # noqa: S311 - repeatable, no secret
            clock=lambda: 1001.5,
            sleep=self.slept.append,
            ordered=self.attempts.append,
            memory=self.memory,
            retry=self.retry,
        )


@pytest.mark.parametrize(
    ("reply", "outcome", "status", "error"),
    [
        (CREATED, "acknowledged", 201, None),
        (BUSY, "refused", 503, "http 503"),
        (Reply(status=422), "refused", 422, "http 422"),
        (SILENCE, "unknown", None, "timeout"),
        (Reply(failure="connection lost"), "unknown", None, "connection lost"),
        (REFUSED, "refused", None, "connection refused"),
        (Reply(status=201, body=b"<html>"), "unknown", 201, "wrong answer"),
        (Reply(status=201, body=b'{"status": "accepted"}'), "unknown", 201, "wrong answer"),
        (Reply(status=200, body=b'{"order_id": "o-1"}'), "refused", 200, "wrong answer"),
    ],
    ids=["201", "503", "422", "no answer", "cut off", "never sent", "201 with nonsense", "201 without id", "200"],
)
def test_the_history_holds_what_became_of_an_order(
    reply: Reply, outcome: str, status: int | None, error: str | None
) -> None:
    customer = Customer(Server([reply]))
    assert PlaceOrder().run(customer.visit()) == Ending(error=error)
    (attempt,) = customer.attempts
    assert (attempt.outcome, attempt.status) == (outcome, status)
    assert (attempt.order_id is not None) == (outcome == "acknowledged")


def test_an_acknowledged_order_is_in_the_history_as_it_was_sent() -> None:
    customer = Customer(Server([CREATED]))
    PlaceOrder().run(customer.visit())
    ((method, path, headers, body),) = customer.server.asked
    (attempt,) = customer.attempts
    sent = json.loads(body)
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/api/orders", "key-1")
    assert (attempt.customer_id, attempt.store_id) == (sent["customer_id"], sent["store_id"])
    assert attempt.total_amount == Decimal(sent["total_amount"])
    assert attempt.items == tuple((item["item_id"], item["quantity"]) for item in sent["items"])
    assert (attempt.scheduled_at, attempt.acknowledged_at) == (1000.0, 1001.5)


def test_without_a_retry_policy_a_failed_order_is_tried_once() -> None:
    customer = Customer(Server([BUSY]))
    assert PlaceOrder().run(customer.visit()) == Ending(error="http 503", retries=0)
    assert len(customer.server.asked) == 1


@pytest.mark.parametrize(
    ("replies", "outcome", "tries", "error"),
    [
        ([BUSY, SILENCE, CREATED], "acknowledged", 3, None),
        ([BUSY, BUSY, BUSY, CREATED], "refused", 3, "http 503"),
        ([Reply(status=422), CREATED], "refused", 1, "http 422"),
        ([SILENCE, REFUSED, REFUSED], "unknown", 3, "connection refused"),
        ([REFUSED, REFUSED, REFUSED], "refused", 3, "connection refused"),
    ],
    ids=["until it works", "not for ever", "not what is wrong for good", "once sent is sent", "never sent"],
)
def test_a_storefront_tries_again_under_the_same_key(
    replies: list[Reply], outcome: str, tries: int, error: str | None
) -> None:
    customer = Customer(Server(replies), retry=Retry(attempts=3))
    assert PlaceOrder().run(customer.visit()) == Ending(error=error, retries=tries - 1)
    (attempt,) = customer.attempts
    assert (attempt.outcome, attempt.tries) == (outcome, tries)
    assert {headers["Idempotency-Key"] for _, _, headers, _ in customer.server.asked} == {"key-1"}
    assert len({body for *_, body in customer.server.asked}) == 1


def test_a_storefront_waits_as_long_as_the_server_asks_but_not_for_ever() -> None:
    busy = [Reply(status=503, retry_after_s=seconds) for seconds in (1.0, 3600.0)]
    customer = Customer(Server([*busy, CREATED]), retry=Retry(attempts=3, cap_s=2.0))
    PlaceOrder().run(customer.visit())
    assert customer.slept == [1.0, 2.0]


def test_a_storefront_waits_longer_each_time_with_full_jitter() -> None:
    """As the policy is by default: from a tenth of a second, doubled, two seconds at most; three tries."""
    assert Retry() == Retry(attempts=3, base_s=0.1, cap_s=2.0)
    longest = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    draw = random.Random(3)  # noqa: S311 - the visit's own
    pauses = list(Customer(Server([]), retry=Retry(attempts=8)).visit().pauses())
    assert pauses == [draw.uniform(0, most) for most in longest]
    assert list(Customer(Server([])).visit().pauses()) == []


def test_browsing_back_reads_an_order_that_was_acknowledged() -> None:
    customer = Customer(Server([CREATED, FOUND]))
    PlaceOrder().run(customer.visit())
    assert BrowseBack().run(customer.visit("key-2")) == Ending()
    assert customer.server.asked[1][:2] == ("GET", "/api/orders/o-1")
    assert len(customer.attempts) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [(Reply(status=404), "http 404"), (Reply(status=200, body=b'{"order_id": "o-2"}'), "wrong answer")],
    ids=["gone", "another one"],
)
def test_an_acknowledged_order_that_cannot_be_read_back_is_an_error(reply: Reply, error: str) -> None:
    customer = Customer(Server([CREATED, reply]))
    PlaceOrder().run(customer.visit())
    assert BrowseBack().run(customer.visit("key-2")) == Ending(error=error)


def test_browsing_back_without_an_order_places_one() -> None:
    customer = Customer(Server([CREATED]))
    assert BrowseBack().run(customer.visit()) == Ending()
    assert len(customer.attempts) == 1


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(200, '{"item_id": "ITEM"}', None), (200, '{"item_id": "x"}', "wrong answer"), (503, "", "http 503")],
    ids=["right", "another one", "away"],
)
def test_who_reads_the_menu_wants_the_item_that_was_asked_for(status: int, body: str, error: str | None) -> None:
    asked = Customer(Server([Reply(status=404)]))
    ReadMenu().run(asked.visit())
    path = asked.server.asked[0][1]
    item_id = path.removeprefix("/api/menu/items/")
    assert item_id in PRICES_CENTS
    customer = Customer(Server([Reply(status=status, body=body.replace("ITEM", item_id).encode())]))
    assert ReadMenu().run(customer.visit()) == Ending(error=error)
    assert customer.server.asked[0][:2] == ("GET", path)


@pytest.mark.parametrize(
    ("reply", "error"),
    [(Reply(status=200), None), (BUSY, "http 503"), (SILENCE, "timeout"), (Reply(status=204), "wrong answer")],
    ids=["shown", "busy", "silent", "another answer"],
)
def test_a_look_is_right_with_the_answer_that_the_catalogue_names(reply: Reply, error: str | None) -> None:
    customer = Customer(Server([reply]))
    assert LookUp().run(customer.visit()) == Ending(error=error)
    [(method, path, headers, _)] = customer.server.asked
    assert (method, headers) == ("GET", {"X-Correlation-Id": "key-1"})
    assert path in {f"{service.route}{service.reading.path}" for service in IN_PODS}
    assert customer.attempts == []


def test_looks_go_to_every_service_in_pods() -> None:
    customer, draw = Customer(Server(Reply(status=200) for _ in range(50))), random.Random(3)  # noqa: S311 - as above
    for _ in range(50):
        LookUp().run(replace(customer.visit(), draw=draw))
    assert len({path for _, path, _, _ in customer.server.asked}) == len(IN_PODS) > 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=201, body=b'{"status": "held"}'), None),
        (Reply(status=200, body=b'{"status": "held"}'), "wrong answer"),
        (Reply(status=201, body=b"{}"), "wrong answer"),
        (SILENCE, "timeout"),
    ],
    ids=["held", "known before", "nothing held", "silent"],
)
def test_stock_is_reserved_for_an_order_of_its_own(reply: Reply, error: str | None) -> None:
    customer = Customer(Server([reply]))
    assert Reserve().run(customer.visit()) == Ending(error=error)
    [(method, path, _, body)] = customer.server.asked
    asked = json.loads(body)
    assert (method, path, asked["order_id"]) == ("POST", "/api/inventory/reserve", "key-1")
    assert {line["item_id"] for line in asked["items"]} <= PRICES_CENTS.keys()
    assert customer.attempts == []


def test_a_basket_costs_what_the_menu_asks() -> None:
    for seed in range(50):
        basket = Basket.fill(random.Random(seed))  # noqa: S311 - repeatable, no secret
        assert basket.total_amount * 100 == sum(PRICES_CENTS[item] * quantity for item, quantity in basket.items)
        assert len({item for item, _ in basket.items}) == len(basket.items)


def test_the_journeys_are_found_by_their_names() -> None:
    assert [journey(known.name) for known in JOURNEYS] == list(JOURNEYS)
    with pytest.raises(ValueError, match="known: order, browse, look-up, menu, reserve"):
        journey("window-shopping")
