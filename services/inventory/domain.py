"""The rules of stock. Pure. Quantities are whole pieces, times are seconds.

            reserve                 take
    (none) ─────────> held ───────────────> taken
       ^               │ │                    │
       └── hold ends ──┘ └─────> released <───┘       take of an order without a hold: straight to taken

A hold moves pieces from `available` to `reserved`; they leave the store when the hold is taken, and come back when it
ends or is released. What is released stays so: an order that failed is never served by a message that was late.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from services.assortment import ITEMS, STORES

MAX_LINES: Final = 50
MAX_QUANTITY: Final = 1_000
"""Pieces of one line of an order."""
MAX_DELIVERY: Final = 1_000_000
"""Pieces of one item in a delivery."""
MAX_ORDERS: Final = 100
"""Orders of one request to take."""
HOLD_S: Final = 120.0
MAX_HOLD_S: Final = 900.0
SEED: Final = 100_000
"""Pieces of every item that a store begins with."""

_STORES: Final = frozenset(STORES)
_ITEMS: Final = frozenset(item.item_id for item in ITEMS)

Outcome = Literal["taken", "short", "released", "conflict", "unknown"]
"""What became of an order that was to be taken: there is too little; it was released before; its items are others than
those held or taken; its store or an item does not exist."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """So many pieces of an item."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What an order wants of a store, as `merged` has it."""

    order_id: str
    store_id: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a store gets under `key`, which counts once."""

    key: str
    store_id: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Pieces kept for an order: until `expires_at`, in Unix seconds; None once they are taken."""

    order_id: str
    status: Literal["held", "taken"]
    expires_at: float | None
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a store has of an item: pieces to sell, and pieces promised."""

    item_id: str
    available: int
    reserved: int


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line for each item, by item: the same for the same pieces, however they were written."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.item_id] = sums.get(line.item_id, 0) + line.quantity
    return tuple(Line(item_id, quantity) for item_id, quantity in sorted(sums.items()))


def has_store(store_id: str) -> bool:
    """Is it one of the chain's?"""
    return store_id in _STORES


def unknown_items(lines: Iterable[Line]) -> tuple[str, ...]:
    """Those that the chain does not sell."""
    return tuple(line.item_id for line in lines if line.item_id not in _ITEMS)
