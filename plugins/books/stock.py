"""Inventory's books against the orders, and against themselves. Pure.

an order that exists       its lines were taken, once, and nothing of it came back
an order that does not     nothing of it is gone: not taken, or given back as it was taken
an item of a store         what it began with and what came and went is what there is, to sell and promised
what is promised           belongs to holds, and these end in time
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from plugins.books.entries import StockEntry, StockHold, StockLevel
from plugins.books.history import Attempt

HOLD_GRACE_S = 30.0
"""How long after its end a hold may still be there: inventory looks for them every second, a failover may delay it."""


def taken_wrongly(entries: Sequence[StockEntry], attempt: Attempt) -> Iterator[tuple[str, str]]:
    """What is wrong with the stock of an order that exists: (kind, what)."""
    taken = [(entry.item_id, -entry.quantity) for entry in entries if entry.kind == "take"]
    if not taken:
        yield "stock missing", "ordered, and no take in inventory's ledger"
        return
    if len(taken) < len(entries):
        yield "stock given back", f"the order exists, and {_listed(entries, 'release')} came back"
    if any(entry.store_id != attempt.store_id for entry in entries):
        stores = sorted({entry.store_id for entry in entries})
        yield "stock altered", f"ordered at {attempt.store_id}, taken at {', '.join(stores)}"
    if taken == list(attempt.items) or sorted(taken) == sorted(attempt.items):
        return
    items = [item for item, _ in taken]
    if len(set(items)) < len(items):
        yield "stock taken twice", f"ordered {attempt.items}, taken {_listed(entries, 'take')}"
    elif Counter(dict(taken)) != _pieces(attempt.items):
        yield "stock altered", f"ordered {attempt.items}, taken {_listed(entries, 'take')}"


def gone_for_nobody(entries: Sequence[StockEntry]) -> bool:
    """Is anything gone that these entries, of an order that does not exist, took?"""
    return any(pieces < 0 for pieces in moved(entries).values())


def came_back_twice(entries: Sequence[StockEntry]) -> bool:
    """Did more come back of an order than was taken for it?"""
    if not any(entry.kind == "release" for entry in entries):
        return False
    return any(pieces > 0 for pieces in moved(entries).values())


def levels_apart(
    levels: Iterable[StockLevel], entries: Iterable[StockEntry], holds: Iterable[StockHold]
) -> Iterator[tuple[StockLevel, str]]:
    """The items of stores that say something else than what came and went, or than what is held."""
    came_and_went = moved(entries)
    held: Counter[tuple[str, str]] = Counter()
    for hold in holds:
        for item_id, pieces in hold.items:
            held[hold.store_id, item_id] += pieces
    for level in levels:
        place = (level.store_id, level.item_id)
        there, due = level.available + level.reserved, level.opening + came_and_went[place]
        if there != due:
            yield level, f"there are {there}, and what came and went makes {due}"
        if level.reserved != held[place]:
            yield level, f"{level.reserved} are promised, and {held[place]} held for orders"
        if min(level.available, level.reserved) < 0:
            yield level, f"{level.available} to sell and {level.reserved} promised: sold what was not there"


def moved(entries: Iterable[StockEntry]) -> Counter[tuple[str, str]]:
    """What came and went in all, by store and item."""
    pieces: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        pieces[entry.store_id, entry.item_id] += entry.quantity
    return pieces


def _pieces(items: Iterable[tuple[str, int]]) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for item, quantity in items:
        pieces[item] += quantity
    return pieces


def _listed(entries: Iterable[StockEntry], kind: str) -> list[tuple[str, int]]:
    return [(entry.item_id, abs(entry.quantity)) for entry in entries if entry.kind == kind]
