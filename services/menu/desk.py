"""Changes of the menu, by operators: until they are done, refused, or out of time."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget
from services.menu.copy import Counts, MenuCopy
from services.menu.domain import Item, Menu, Offer, revision_to_replace
from services.menu.store import Store, StoreUnavailable

CHANGES: Final = "MenuChanges"
LEAST_S: Final = 0.5
"""With less than this left of a request's time, nothing is tried again."""
PAUSE_S: Final = 0.2
"""The longest of the random pauses between two tries."""

_log = logging.getLogger(__name__)

IsMeant = Callable[[Menu, Item], bool]
"""Whether the item of that menu is the one that somebody means to replace."""


class MenuDesk:
    """Replaces offers in the store, then in the copies. `announce` gives a word to all pods.

    Further tries come out of `budget`; each is told to `on_retry`.
    """

    def __init__(
        self,
        store: Store,
        copy: MenuCopy,
        announce: Callable[[bytes], Awaitable[object]],
        counts: Counts,
        *,
        budget: RetryBudget,
        on_retry: Callable[[], None],
    ) -> None:
        self._store = store
        self._copy = copy
        self._announce = announce
        self._counts = counts
        self._budget = budget
        self._on_retry = on_retry

    async def put(self, item_id: str, wanted: Offer, is_meant: IsMeant) -> Menu:
        """Make `wanted` the item's offer; the menu that has it. Asked again, it changes nothing.

        `NoSuchItem`, `PreconditionFailed`, `StoreUnavailable` (it may have been done: ask again).
        """
        self._budget.earn()
        while True:
            try:
                menu = await self._once(item_id, wanted, is_meant)
            except StoreUnavailable as error:
                is_long_away = self._copy.is_degraded
                if is_long_away or deadline.remaining() < LEAST_S or not self._budget.spend():
                    raise
                self._on_retry()
                _log.warning("the change is tried again", extra={"item": item_id, "error": str(error)[:500]})
            else:
                if menu is not None:
                    break
                if deadline.remaining() < LEAST_S:
                    raise StoreUnavailable("other changes of the item came between, time after time")
            await asyncio.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - jitter
        await self._announce(await self._copy.changed(menu))
        return menu

    async def _once(self, item_id: str, wanted: Offer, is_meant: IsMeant) -> Menu | None:
        """The menu that has it; None if another change came between."""
        menu = await self._store.read()
        revision = revision_to_replace(menu, item_id, wanted, lambda item: is_meant(menu, item))
        if revision is None:
            return menu
        changed = await self._store.replace(item_id, wanted, revision)
        if changed is not None:
            self._counts.count(CHANGES)
        return changed
