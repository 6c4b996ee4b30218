"""Every way in which books may fail to balance, as a small change to one order of books that do."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from plugins.books import generated
from plugins.books.entries import Books, DeadLetter, OutboxRow, StockEntry, StockHold
from plugins.books.generated import World, order_id
from plugins.books.history import Attempt

ONE_IN = 500
NO_ORDER = "no order"


class Draft:
    """Books that can still be changed: lists by order id."""

    def __init__(self, world: World) -> None:
        books = world.books
        self.attempts = {order_id(one): one for one in world.attempts}
        self.orders = _by_order(books.orders)
        self.outbox: dict[str, list[OutboxRow]] = {}
        self.payments = _by_order(books.payments)
        self.captures = _by_order(books.captures)
        self.entries = _by_order(books.entries)
        self.accepted = _by_order(event for event in books.events if event.type == "order_accepted")
        self.paid = _by_order(event for event in books.events if event.type == "order_paid")
        self.points = _by_order(books.points)
        self.revenue = _by_order(books.revenue)
        self.stock = _by_order(books.stock)
        self.levels = {(level.store_id, level.item_id): level for level in books.levels}
        self.holds: list[StockHold] = []
        self.accounts = {account.customer_id: account for account in books.accounts}
        self.dead: list[DeadLetter] = []

    def books(self) -> Books:
        return Books(
            orders=_flat(self.orders),
            outbox=_flat(self.outbox),
            payments=_flat(self.payments),
            captures=_flat(self.captures),
            entries=_flat(self.entries),
            points=_flat(self.points),
            accounts=tuple(self.accounts.values()),
            revenue=_flat(self.revenue),
            stock=_flat(self.stock),
            levels=tuple(self.levels.values()),
            holds=tuple(self.holds),
            events=(*_flat(self.accepted), *_flat(self.paid)),
            dead_letters=tuple(self.dead),
        )

    def move_anew(self, name: str, entries: Iterable[StockEntry]) -> None:
        """An order's stock moved as `entries` say, and what there is follows from it."""
        for sign, each in (*((-1, one) for one in self.stock.pop(name, ())), *((1, one) for one in entries)):
            place = (each.store_id, each.item_id)
            level = self.levels.get(place) or generated.levels([replace(each, quantity=0)])[0]
            self.levels[place] = replace(level, available=level.available + sign * each.quantity)
            if sign > 0:
                self.stock.setdefault(name, []).append(each)

    def accrue_anew(self, victim: str, change: Callable[[Attempt], Iterable[Attempt]]) -> None:
        """The points of the victim's customer, had `change` been what the victim earned: later ones follow from it."""
        customer = self.attempts[victim].customer_id
        earning = [
            each
            for name, one in self.attempts.items()
            if one.customer_id == customer
            for each in (change(one) if name == victim else (one,) if name in self.points else ())
        ]
        for name in [name for name, entries in self.points.items() if entries[0].customer_id == customer]:
            del self.points[name]
        entries = generated.accrued(earning)
        self.points |= _by_order(entries)
        self.accounts |= {account.customer_id: account for account in generated.accounts(entries)}

    def of_different_customers(self, orders: Iterable[str]) -> list[str]:
        """The first order of each customer: two changes in one customer's sequence might undo each other."""
        firsts: dict[str, str] = {}
        for order in orders:
            firsts.setdefault(self.attempts[order].customer_id, order)
        return list(firsts.values())

    def before(self, victim: str) -> str | None:
        """The order captured last before this one of the same customer, if it was acknowledged before this was due."""
        one = self.attempts[victim]
        earlier = [
            other
            for name, other in self.attempts.items()
            if other.customer_id == one.customer_id and name in self.captures and other.scheduled_at < one.scheduled_at
        ]
        last = max(earlier, key=lambda other: other.scheduled_at, default=None)
        if last is None or last.acknowledged_at is None or last.acknowledged_at >= one.scheduled_at:
            return None
        return order_id(last)


Plant = Callable[[Draft, str], Iterable[str]]
"""Changes what the books say of an order; the orders beside it by whose names the change may be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`kinds` are the discrepancies that it has to be found by; its victims are `captured` or `declined` orders."""

    name: str
    plant: Plant
    kinds: frozenset[str]
    victims: Literal["captured", "declined", "captured after another"] = "captured"

    def planted(self, world: World, seed: int) -> tuple[Books, tuple[frozenset[str], ...]]:
        """One order in `ONE_IN` changed; for each the names by which it may be found."""
        draft = Draft(world)
        draw = random.Random(seed)  # noqa: S311 - which orders are changed is no secret
        chosen = draft.of_different_customers(draw.sample(candidates := self._eligible(draft), len(candidates)))
        chosen = chosen[: len(world.attempts) // ONE_IN]
        names = tuple(frozenset((victim, *self.plant(draft, victim))) for victim in chosen)
        return draft.books(), names

    def _eligible(self, draft: Draft) -> list[str]:
        if self.victims == "declined":
            return [name for name in draft.attempts if name not in draft.captures]
        if self.victims == "captured":
            return list(draft.captures)
        return [name for name in draft.captures if draft.before(name) is not None]


def change(book: str, **fields: Any) -> Plant:  # a table of fields
    """One entry of the victim says something else."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        entries = getattr(draft, book)
        entries[victim] = [replace(entry, **fields) for entry in entries[victim]]
        return ()

    return plant


def drop(*books: str) -> Plant:
    """The victim is not in these books."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        for book in books:
            getattr(draft, book).pop(victim, None)
        return ()

    return plant


def shifted(book: str, field: str, by: Any) -> Plant:  # cents or an amount
    """A number of the victim is off."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        first, *others = getattr(draft, book)[victim]
        getattr(draft, book)[victim] = [replace(first, **{field: getattr(first, field) + by}), *others]
        return ()

    return plant


def again(book: str, **fields: Any) -> Plant:  # a table of fields
    """The victim's first entry is there a second time, the same or nearly."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        entries = getattr(draft, book)[victim]
        getattr(draft, book)[victim] = [*entries, replace(entries[0], **fields)]
        return ()

    return plant


def charged_again(book: str, *, beside: bool = False) -> Plant:
    """The entry has another authorization than the other books; `beside`: there is one of each."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        return (again if beside else change)(book, authorization_id=f"second-of-{victim}")(draft, victim)

    return plant


def both(*plants: Plant) -> Plant:
    """One change after the other."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        return tuple(name for one in plants for name in one(draft, victim))

    return plant


def ghost(*books: str) -> Plant:
    """What is in these books is there once more, for an order that nobody placed."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        name = f"ghost-of-{victim}"
        for book in books:
            entries = getattr(draft, book)[victim]
            getattr(draft, book)[name] = [_reborn(entry, name) for entry in entries]
        return (name,)

    return plant


def doubled(draft: Draft, victim: str) -> Iterable[str]:
    """Placed a second time under the same key, and paid for a second time."""
    points_of_nothing(draft, victim)
    stock_of_nothing(draft, victim)
    return ghost("orders", "payments", "captures", "entries", "accepted", "paid", "revenue")(draft, victim)


def without_points(draft: Draft, victim: str) -> Iterable[str]:
    draft.accrue_anew(victim, lambda _: ())
    return ()


def points_again(draft: Draft, victim: str) -> Iterable[str]:
    draft.accrue_anew(victim, lambda one: (one, one))
    return ()


def points_after_all(draft: Draft, victim: str) -> Iterable[str]:
    draft.accrue_anew(victim, lambda one: (one,))
    return ()


def points_of_nothing(draft: Draft, victim: str) -> Iterable[str]:
    """The victim's are there once more, for an order that nobody placed."""
    name = f"ghost-of-{victim}"
    draft.accrue_anew(victim, lambda one: (one, replace(one, order_id=name)))
    return (name,)


def points_of_another_amount(draft: Draft, victim: str) -> Iterable[str]:
    draft.accrue_anew(victim, lambda one: (replace(one, total_amount=one.total_amount + 1),))
    return ()


def points_of_another_customer(draft: Draft, victim: str) -> Iterable[str]:
    entry = draft.points[victim][0]
    without_points(draft, victim)
    stranger = replace(entry, customer_id=f"stranger-of-{victim}", points=entry.amount_cents // 100)
    draft.points[victim] = [stranger]
    draft.accounts |= {account.customer_id: account for account in generated.accounts([stranger])}
    return ()


def too_many_points(draft: Draft, victim: str) -> Iterable[str]:
    """As after a retry that was added to the points instead of being recognized; and the account agrees."""
    in_the_account_only(draft, victim)
    entry = draft.points[victim][0]
    draft.points[victim] = [replace(entry, points=2 * entry.points)]
    return _later(draft, victim)


def in_the_account_only(draft: Draft, victim: str) -> Iterable[str]:
    points = draft.points[victim][0].points
    account = draft.accounts[draft.attempts[victim].customer_id]
    more = {"balance": account.balance + points, "earned": account.earned + points}
    draft.accounts[account.customer_id] = replace(account, **more)
    return (NO_ORDER,)


def without_stock(draft: Draft, victim: str) -> Iterable[str]:
    draft.move_anew(victim, ())
    return ()


def stock_of_nothing(draft: Draft, victim: str) -> Iterable[str]:
    """Taken for an order that nobody placed."""
    name = f"ghost-of-{victim}"
    draft.move_anew(name, [replace(entry, order_id=name) for entry in draft.stock[victim]])
    return (name,)


def stock_again(draft: Draft, victim: str) -> Iterable[str]:
    draft.move_anew(victim, draft.stock[victim] * 2)
    return ()


def stock_of_one_line(draft: Draft, victim: str) -> Iterable[str]:
    """A piece too many of the first item."""
    first, *others = draft.stock[victim]
    draft.move_anew(victim, [replace(first, quantity=first.quantity - 1), *others])
    return ()


def stock_of_another_store(draft: Draft, victim: str) -> Iterable[str]:
    draft.move_anew(victim, [replace(entry, store_id="store-none") for entry in draft.stock[victim]])
    return ()


def stock_of_another_item(draft: Draft, victim: str) -> Iterable[str]:
    first, *others = draft.stock[victim]
    draft.move_anew(victim, [replace(first, item_id="unicorn-milk"), *others])
    return ()


def stock_back(*, times: int) -> Plant:
    """Taken, and given back so many times."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        entries = draft.stock[victim]
        back = [replace(entry, kind="release", quantity=-entry.quantity) for entry in entries]
        draft.move_anew(victim, [*entries, *(back * times)])
        return ()

    return plant


def stock_in_the_ledger_only(draft: Draft, victim: str) -> Iterable[str]:
    """What there is does not know of it."""
    entry = draft.stock[victim][0]
    level = draft.levels[entry.store_id, entry.item_id]
    draft.levels[entry.store_id, entry.item_id] = replace(level, available=level.available - entry.quantity)
    return (NO_ORDER,)


def promised_to_nobody(draft: Draft, victim: str) -> Iterable[str]:
    """As after a hold that ended, and whose pieces did not come back."""
    entry = draft.stock[victim][0]
    level = draft.levels[entry.store_id, entry.item_id]
    moved = replace(level, available=level.available - 1, reserved=level.reserved + 1)
    draft.levels[entry.store_id, entry.item_id] = moved
    return (NO_ORDER,)


def hold_for_ever(draft: Draft, victim: str) -> Iterable[str]:
    """Of an order that nobody placed."""
    name, entry = f"ghost-of-{victim}", draft.stock[victim][0]
    promised_to_nobody(draft, victim)
    items = ((entry.item_id, 1),)
    draft.holds.append(StockHold(order_id=name, store_id=entry.store_id, items=items, left_s=-600.0))
    return (name,)


def oversold(draft: Draft, victim: str) -> Iterable[str]:
    entry = draft.stock[victim][0]
    level = draft.levels[entry.store_id, entry.item_id]
    gone = replace(level, available=-1, opening=level.opening - level.available - 1)
    draft.levels[entry.store_id, entry.item_id] = gone
    return (NO_ORDER,)


def sold_after_all(draft: Draft, victim: str) -> Iterable[str]:
    draft.revenue[victim] = [generated.sale(draft.attempts[victim])]
    return ()


def _later(draft: Draft, victim: str) -> Iterable[str]:
    """The customer's later orders: a tier reached too early makes their points too many as well."""
    customer = draft.attempts[victim].customer_id
    names = [name for name, one in draft.attempts.items() if one.customer_id == customer]
    return names[names.index(victim) + 1 :]


def out_of_order(*books: str) -> Plant:
    """Captured just before the order before it."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        before = draft.before(victim)
        assert before is not None
        at = generated.captured_at(draft.attempts[before]) - 0.001
        for book in books:
            change(book, captured_at=at)(draft, victim)
        return (before,)

    return plant


def dead(reason: str | None) -> Plant:
    """A message about the victim is in the dead-letter queue."""

    def plant(draft: Draft, victim: str) -> Iterable[str]:
        one = draft.attempts[victim]
        draft.dead.append(letter(victim, reason, correlation_id=one.correlation_id))
        return ()

    return plant


def letter(order: str | None, reason: str | None, *, correlation_id: str | None = None) -> DeadLetter:
    return DeadLetter(
        message_id=f"message-of-{order}",
        group="customer-1",
        order_id=order,
        correlation_id=correlation_id,
        reason=reason,
        receives=6,
        body="{}",
    )


def dead_letter_of_nobody(draft: Draft, victim: str) -> Iterable[str]:
    draft.dead.append(letter(None, None))
    return (NO_ORDER,)


def waiting(draft: Draft, victim: str) -> Iterable[str]:
    draft.outbox[victim] = [OutboxRow(order_id=victim, sequence=victim)]
    return ()


def authorization_of_another(draft: Draft, victim: str) -> Iterable[str]:
    """Two orders, and one of them was paid for."""
    other = next(name for name in draft.captures if name != victim)
    stolen = draft.captures[other][0].authorization_id
    for book in ("payments", "captures", "paid"):
        change(book, authorization_id=stolen)(draft, victim)
    return (other,)


def captured_after_all(draft: Draft, victim: str) -> Iterable[str]:
    one = draft.attempts[victim]
    draft.captures[victim] = [generated.capture(one)]
    draft.entries[victim] = list(generated.entries(one))
    return ()


def published_after_all(draft: Draft, victim: str) -> Iterable[str]:
    draft.paid[victim] = [generated.event("order_paid", draft.attempts[victim])]
    return ()


def sides_exchanged(draft: Draft, victim: str) -> Iterable[str]:
    draft.entries[victim] = [replace(side, amount_cents=-side.amount_cents) for side in draft.entries[victim]]
    return ()


def one_side(draft: Draft, victim: str) -> Iterable[str]:
    draft.entries[victim] = draft.entries[victim][:1]
    return ()


def other_amount_in_the_ledger(draft: Draft, victim: str) -> Iterable[str]:
    """A cent too much, and balanced all the same."""
    shifted("captures", "amount_cents", 1)(draft, victim)
    draft.entries[victim] = [
        replace(side, amount_cents=side.amount_cents + (1 if side.amount_cents > 0 else -1))
        for side in draft.entries[victim]
    ]
    return ()


def _reborn(entry: Any, name: str) -> Any:  # any kind of entry
    fresh = {"order_id": name}
    if getattr(entry, "authorization_id", None):
        fresh["authorization_id"] = f"auth-of-{name}"
    return replace(entry, **fresh)


def _by_order(entries: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for entry in entries:
        found.setdefault(entry.order_id, []).append(entry)
    return found


def _flat(entries: Mapping[str, list[Any]]) -> tuple[Any, ...]:
    return tuple(entry for each in entries.values() for entry in each)
