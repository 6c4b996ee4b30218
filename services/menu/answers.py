"""A menu as the wire shows it: each answer is rendered once for each version, when it is first asked for."""

from typing import Final, NamedTuple

import orjson

from services.menu.domain import Item, Menu

MAX_PAGES: Final = 256
"""Pages kept of one menu: whoever asks for all limits and all cursors may not fill the memory."""


class Rendered(NamedTuple):
    """A representation and its validator, a strong entity tag (RFC 9110, 8.8.3)."""

    body: bytes
    etag: str


class Answers:
    """The representations of one menu."""

    def __init__(self, menu: Menu) -> None:
        self._menu = menu
        self._pages: dict[tuple[int, str], Rendered] = {}
        self._items: dict[str, Rendered] = {}

    def page(self, limit: int, after: str) -> Rendered:
        found = self._pages.get((limit, after))
        if found is None:
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            found = self._pages[limit, after] = self._render(limit, after)
        return found

    def item(self, item_id: str) -> Rendered:
        """`NoSuchItem` where there is none."""
        found = self._items.get(item_id)
        if found is None:
            item = self._menu.item(item_id)
            found = self._items[item_id] = Rendered(orjson.dumps(shown(item)), etag_of(self._menu, item))
        return found

    def _render(self, limit: int, after: str) -> Rendered:
        items, following = self._menu.page(limit, after)
        page = {"items": [shown(item) for item in items], "next": following, "version": self._menu.version}
        return Rendered(orjson.dumps(page), f'"{self._menu.born}-{self._menu.version}"')


def shown(item: Item) -> dict[str, object]:
    """The item as the wire has it."""
    return {
        "item_id": item.item_id,
        "name": item.offer.name,
        "category": item.offer.category,
        "price_cents": item.offer.price_cents,
    }


def etag_of(menu: Menu, item: Item) -> str:
    """The validator of the item's own resource, which changes of other items leave alone."""
    return f'"{menu.born}-{item.revision}"'
