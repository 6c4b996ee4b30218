"""The weekly sync of a store: its file merged with what is known of its stock. Pure.

A line of the file is `item_id,delivered,wasted,counted`: what came, what was thrown away, what lay on the shelf on
Sunday night. Delivered and wasted are booked; a count is believed where it is near enough to what the books then say,
and is to be repeated where it is not. What falls below its par is ordered, in whole cases.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

CASE: Final = 12
TOLERANCE_PERCENT: Final = 5
"""A count that is further from the books than this is a mistake more often than a theft."""
MAX_PIECES: Final = 1_000_000


@dataclass(slots=True)
class Merged:
    """A store after its sync: pieces and cases to order by item; what was lost; items to count again; lines to look at.

    `stock` of all = stock before + delivered - wasted - lost, over what was believed.
    """

    stock: dict[str, int] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    delivered: int = 0
    wasted: int = 0
    lost: int = 0
    recounts: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def merge(lines: Iterable[str], stock: Mapping[str, int], par: Mapping[str, int]) -> Merged:
    """`stock` as the file's `lines` change it. A line that is none, or of an item nobody knows, changes nothing."""
    merged = Merged(stock=dict(stock))
    for line in lines:
        read = _read(line, stock)
        if read is None:
            merged.rejected.append(line)
        else:
            _book(merged, *read)
    for item_id, least in par.items():
        if (lacking := least - merged.stock.get(item_id, 0)) > 0:
            merged.orders[item_id] = -(-lacking // CASE)
    return merged


def _read(line: str, stock: Mapping[str, int]) -> tuple[str, int, int, int] | None:
    parts = line.split(",")
    if len(parts) != 4 or parts[0] not in stock or not all(part.isdecimal() and len(part) < 8 for part in parts[1:]):
        return None
    item_id, delivered, wasted, counted = parts[0], int(parts[1]), int(parts[2]), int(parts[3])
    if max(delivered, wasted, counted) > MAX_PIECES or wasted > stock[item_id] + delivered:
        return None
    return item_id, delivered, wasted, counted


def _book(merged: Merged, item_id: str, delivered: int, wasted: int, counted: int) -> None:
    expected = merged.stock[item_id] + delivered - wasted
    merged.delivered += delivered
    merged.wasted += wasted
    if abs(expected - counted) * 100 > expected * TOLERANCE_PERCENT:
        merged.recounts.append(item_id)
        merged.stock[item_id] = expected
    else:
        merged.lost += expected - counted
        merged.stock[item_id] = counted
