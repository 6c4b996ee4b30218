"""The work of Menu Sync Storm: pumpkin spice is launched, every store's board is rendered anew and compared."""

import itertools
import os
from collections.abc import Callable

from services.assortment import DOCUMENT, STORES
from services.menu.boards import apply, differences, render, season


def launch() -> Callable[[], int]:
    """The work: each call renders one store's board before and after the launch and compares them; 1 unit, 0.2 ms.

    Raises `RuntimeError` when the differences do not make the new board of the old one, or leave the season's drinks
    out: work whose result nobody checks is an empty loop.
    """
    before = season(DOCUMENT, "late summer", is_launched=False)
    after = season(DOCUMENT, str(DOCUMENT["season"]), is_launched=True)
    launched = {product["id"] for product in after.products["seasonal"]}
    stores = itertools.islice(itertools.cycle(STORES), os.getpid() % len(STORES), None)  # processes begin apart

    def one() -> int:
        store = next(stores)
        old, new = render(store, before), render(store, after)
        changes = list(differences(old, new))
        added = {change.line.key[1] for change in changes if change.kind == "added"}
        if apply(changes, old) != new or not launched <= added:
            raise RuntimeError(f"the differences of {store}'s boards are not those of the launch")
        return 1

    return one
