"""What a customer does, one class a journey; an arrival is one run of one journey.

Adding one is a class and its place in `JOURNEYS`. A journey talks to the platform only through its `Visit`, and reports
what the server did: success is the documented answer, anything else is an error with a kind.
"""

import json
from typing import ClassVar, Protocol

from plugins.books.history import Attempt, Outcome
from plugins.load.basket import Basket
from plugins.load.visit import Ending, Reply, Visit
from plugins.slo import ClaimError
from services.assortment import ITEMS
from services.catalog import http_services

ORDERS = "/api/orders"
INVENTORY = "/api/inventory"
MENU = "/api/menu/items"
IN_PODS = tuple(service for service in http_services() if service.platform == "eks")


class Journey(Protocol):
    """One thing a customer does. `method` and `path` name it in Locust's statistics."""

    name: ClassVar[str]
    method: ClassVar[str]
    path: ClassVar[str]

    def run(self, visit: Visit) -> Ending: ...


class PlaceOrder:
    """POST an order under an Idempotency-Key; with a `Retry`, again under the same key while that may help."""

    name: ClassVar[str] = "order"
    method: ClassVar[str] = "POST"
    path: ClassVar[str] = ORDERS

    def run(self, visit: Visit) -> Ending:
        basket = Basket.fill(visit.draw)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": visit.key,
            "X-Correlation-Id": visit.key,
        }
        body = json.dumps(basket.request()).encode()
        tries, was_sent, reply = 0, False, Reply()
        for pause in (0.0, *visit.pauses()):
            if tries and not _is_worth_repeating(reply):
                break
            visit.rest(pause, reply)
            reply = visit.ask(self.method, self.path, headers, body)
            tries, was_sent = tries + 1, was_sent or reply.is_sent
        order_id = _accepted(reply)
        outcome: Outcome = "acknowledged" if order_id else "refused" if _is_refusal(reply, was_sent) else "unknown"
        visit.ordered(_attempt(visit, basket, reply, outcome, order_id, tries))
        if order_id:
            visit.memory.add(order_id)
        return _judged(reply, is_right=order_id is not None, retries=tries - 1)


class BrowseBack:
    """GET an order this generator placed and knows to exist; places one while there is none."""

    name: ClassVar[str] = "browse"
    method: ClassVar[str] = "GET"
    path: ClassVar[str] = f"{ORDERS}/[id]"

    def run(self, visit: Visit) -> Ending:
        order_id = visit.memory.any(visit.draw)
        if order_id is None:
            return PlaceOrder().run(visit)
        reply = _read(visit, f"{ORDERS}/{order_id}")
        return _judged(reply, is_right=reply.status == 200 and reply.field("order_id") == order_id)


class ReadMenu:
    """GET an item of the menu, any of those that the chain sells."""

    name: ClassVar[str] = "menu"
    method: ClassVar[str] = "GET"
    path: ClassVar[str] = f"{MENU}/[id]"

    def run(self, visit: Visit) -> Ending:
        item_id = visit.draw.choice(ITEMS).item_id
        reply = _read(visit, f"{MENU}/{item_id}")
        return _judged(reply, is_right=reply.status == 200 and reply.field("item_id") == item_id)


class LookUp:
    """GET what one of the services in the cluster's pods shows everybody; which, the draw says."""

    name: ClassVar[str] = "look-up"
    method: ClassVar[str] = "GET"
    path: ClassVar[str] = "[reading of a service in pods]"

    def run(self, visit: Visit) -> Ending:
        service = visit.draw.choice(IN_PODS)
        reply = _read(visit, f"{service.route}{service.reading.path}")
        return _judged(reply, is_right=reply.status == service.reading.status)


class Reserve:
    """POST a basket to hold its stock, for the shortest while there is, under an order of its own."""

    name: ClassVar[str] = "reserve"
    method: ClassVar[str] = "POST"
    path: ClassVar[str] = f"{INVENTORY}/reserve"

    def run(self, visit: Visit) -> Ending:
        basket = Basket.fill(visit.draw).request()
        asked = {"order_id": visit.key, "store_id": basket["store_id"], "items": basket["items"], "hold_s": 1}
        headers = {"Content-Type": "application/json", "X-Correlation-Id": visit.key}
        reply = visit.ask(self.method, self.path, headers, json.dumps(asked).encode())
        return _judged(reply, is_right=reply.status == 201 and reply.field("status") == "held")


JOURNEYS: tuple[Journey, ...] = (PlaceOrder(), BrowseBack(), LookUp(), ReadMenu(), Reserve())


def journey(name: str) -> Journey:
    """The journey called `name`; `ClaimError` names the known ones."""
    for candidate in JOURNEYS:
        if candidate.name == name:
            return candidate
    raise ClaimError(f"no journey is called {name!r}; known: {', '.join(known.name for known in JOURNEYS)}")


def _read(visit: Visit, path: str) -> Reply:
    return visit.ask("GET", path, {"X-Correlation-Id": visit.key})


def _judged(reply: Reply, *, is_right: bool, retries: int = 0) -> Ending:
    return Ending(error=None if is_right else reply.error or "wrong answer", retries=retries)


def _accepted(reply: Reply) -> str | None:
    """The order's id, if this is the 201 that promises it."""
    order_id = reply.field("order_id") if reply.status == 201 else None
    return order_id if isinstance(order_id, str) and order_id else None


def _is_refusal(reply: Reply, was_sent: bool) -> bool:
    """An answer other than 201, or a request that never left. A 201 without an order's id promises nothing: unknown."""
    if reply.status is None:
        return not was_sent
    return reply.status != 201


def _is_worth_repeating(reply: Reply) -> bool:
    return reply.status is None or reply.status >= 500 or reply.status in (408, 429)


def _attempt(visit: Visit, basket: Basket, reply: Reply, outcome: Outcome, order_id: str | None, tries: int) -> Attempt:
    return Attempt(
        outcome=outcome,
        status=reply.status,
        order_id=order_id,
        customer_id=basket.customer_id,
        store_id=basket.store_id,
        total_amount=basket.total_amount,
        items=basket.items,
        idempotency_key=visit.key,
        correlation_id=visit.key,
        scheduled_at=visit.scheduled_at,
        acknowledged_at=visit.clock() if order_id else None,
        tries=tries,
    )
