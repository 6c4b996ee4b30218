"""The whole story of each offending order: what is wrong with it, what every book holds, its ids in the logs."""

from collections.abc import Iterable, Mapping, Sequence

from plugins.books.history import Attempt
from plugins.books.index import Index, line
from plugins.books.report import Discrepancy, Page

SHOWN = 50
"""Orders shown in full; a broken platform can make thousands, and the first few show what went wrong."""


def pages(found: Iterable[Discrepancy], index: Index, attempts: Iterable[Attempt]) -> tuple[Page, ...]:
    """A page for each of the first `SHOWN` orders in `found`, still without log lines.

    What belongs to no order has a page for itself.
    """
    drafts: dict[object, list[Discrepancy]] = {}
    for wrong in found:
        order = wrong.order_id or wrong
        if order in drafts:
            drafts[order].append(wrong)
        elif len(drafts) < SHOWN:
            drafts[order] = [wrong]
    history = _history(drafts.values(), index, attempts) if drafts else {}
    return tuple(_page(tuple(wrongs), index, history) for wrongs in drafts.values())


def _history(
    drafts: Iterable[Sequence[Discrepancy]], index: Index, attempts: Iterable[Attempt]
) -> Mapping[str, Attempt]:
    """The attempts of the orders shown, by order id."""
    shown = {wrongs[0].order_id for wrongs in drafts}
    keys = {row.idempotency_key: order_id for order_id in shown if order_id for row in index.orders.get(order_id, ())}
    found: dict[str, Attempt] = {}
    for attempt in attempts:
        order_id = attempt.order_id if attempt.order_id in shown else keys.get(attempt.idempotency_key)
        if order_id is not None:
            found.setdefault(order_id, attempt)
    return found


def _page(wrongs: tuple[Discrepancy, ...], index: Index, history: Mapping[str, Attempt]) -> Page:
    order_id = wrongs[0].order_id
    if order_id is None:
        return Page(discrepancies=wrongs)
    attempt = history.get(order_id)
    entries = (("history", line(attempt) if attempt else "nothing"), *index.of_order(order_id))
    return Page(discrepancies=wrongs, ids=_ids(order_id, attempt, index), entries=entries)


def _ids(order_id: str, attempt: Attempt | None, index: Index) -> frozenset[str]:
    """What its log lines may be known by: its own id, and every correlation id it went under."""
    known = {
        order_id,
        attempt.correlation_id if attempt else None,
        *(row.correlation_id for row in index.orders.get(order_id, ())),
        *(payment.correlation_id for payment in index.payments.get(order_id, ())),
        *(letter.correlation_id for letter in index.dead.get(order_id, ())),
    }
    return frozenset(one for one in known if one)
