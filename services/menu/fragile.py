"""The menu without a thought for failure: no copy, no second try. Only to prove that the chaos suites notice."""

from services.menu.answers import Answers
from services.menu.copy import Current
from services.menu.desk import IsMeant
from services.menu.domain import Menu, Offer, revision_to_replace
from services.menu.store import Store, StoreUnavailable


class UncachedMenus:
    """Every read asks the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def current(self) -> Current:
        return Current(answers=Answers(await self._store.read()), stale_s=0.0)


class OneTryDesk:
    """Every change is tried once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, item_id: str, wanted: Offer, is_meant: IsMeant) -> Menu:
        """`NoSuchItem`, `PreconditionFailed`, `StoreUnavailable`."""
        menu = await self._store.read()
        revision = revision_to_replace(menu, item_id, wanted, lambda item: is_meant(menu, item))
        changed = menu if revision is None else await self._store.replace(item_id, wanted, revision)
        if changed is None:
            raise StoreUnavailable("another change came between")
        return changed
