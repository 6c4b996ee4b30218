"""The work of Restock Storm: the weekly sync files of all stores, merged with what the stores have."""

import itertools
import os
import random
from collections.abc import Callable

from services.assortment import ITEMS, STORES
from services.inventory.restocking import merge

PAR = 400
"""Pieces of an item below which a store orders."""


def restock() -> Callable[[], int]:
    """The work: each call merges the file of one store, and gives how many rows it had; 0.2 ms.

    Raises `RuntimeError` where pieces appear or vanish: work whose result nobody checks is an empty loop.
    """
    draw = random.Random(52)  # noqa: S311 - the same week in every run, on purpose
    par = {item.item_id: PAR for item in ITEMS}
    weeks = [_week(draw) for _ in STORES]
    numbers = itertools.count(os.getpid())  # processes begin at different stores

    def one() -> int:
        lines, stock = weeks[next(numbers) % len(weeks)]
        merged = merge(lines, stock, par)
        booked = sum(stock.values()) + merged.delivered - merged.wasted - merged.lost
        if sum(merged.stock.values()) != booked or merged.rejected or not merged.recounts:
            raise RuntimeError("a merged store is not as the rules say")
        return len(lines)

    return one


def _week(draw: random.Random) -> tuple[list[str], dict[str, int]]:
    """A store's file and its stock: some things vanish, and some counts are nonsense, one of them for certain."""
    stock = {item.item_id: draw.randrange(200, 2_000) for item in ITEMS}
    lines = []
    for number, (item_id, pieces) in enumerate(stock.items()):
        delivered, wasted = draw.randrange(500), draw.randrange(50)
        expected = pieces + delivered - wasted
        counted = expected // 2 if number == 0 or draw.random() < 0.02 else expected - draw.randrange(5)
        lines.append(f"{item_id},{delivered},{wasted},{counted}")
    return lines, stock
