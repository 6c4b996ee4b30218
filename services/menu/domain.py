"""The rules of the menu. Pure. Prices are whole cents; items lie in the order of their ids."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_CENTS: Final = 100_000
MAX_PAGE: Final = 100
ITEM_ID: Final = r"^[a-z][a-z0-9-]{0,79}$"
"""Neither a dot nor a dollar: an id is a field's name in the store."""


class NoSuchItem(Exception):
    """The menu has none of this id, which is the text."""


class PreconditionFailed(Exception):
    """The item is no longer the one that was to be replaced. The text says which one it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is offered: everything of an item that somebody may change."""

    name: str
    category: str
    price_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to order. `revision` counts its changes, from 1."""

    item_id: str
    offer: Offer
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """The whole menu. `version` grows by one with every change of any item.

    `born` tells it from a menu that was made anew, whose versions begin at 1 again.
    """

    born: str
    version: int
    items: tuple[Item, ...]
    _ids: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.items, key=lambda item: item.item_id))
        object.__setattr__(self, "items", ordered)
        object.__setattr__(self, "_ids", tuple(item.item_id for item in ordered))

    def item(self, item_id: str) -> Item:
        """`NoSuchItem` where there is none."""
        at = bisect_right(self._ids, item_id) - 1
        if at < 0 or self._ids[at] != item_id:
            raise NoSuchItem(item_id)
        return self.items[at]

    def page(self, limit: int, after: str = "") -> tuple[tuple[Item, ...], str | None]:
        """At most `limit` items behind the id `after`, which need not be there any more, and where to go on."""
        begin = bisect_right(self._ids, after)
        page = self.items[begin : begin + limit]
        return page, page[-1].item_id if begin + limit < len(self.items) else None

    def is_older_than(self, other: "Menu") -> bool:
        return self.born == other.born and self.version < other.version

    def is_same_as(self, other: "Menu") -> bool:
        return (self.born, self.version) == (other.born, other.version)


def seeded(offers: Iterable[tuple[str, Offer]], born: str) -> Menu:
    """A menu of its first version."""
    return Menu(born=born, version=1, items=tuple(Item(item_id=item_id, offer=offer) for item_id, offer in offers))


def revision_to_replace(menu: Menu, item_id: str, wanted: Offer, is_meant: Callable[[Item], bool]) -> int | None:
    """The revision that is to give way to `wanted`; None where the item is as wanted already.

    That comes first: whoever asks again since the answer was lost has what was asked for, whatever the item's
    validator is by now (RFC 9110, 13.1.1). `NoSuchItem`; `PreconditionFailed` where the item is not the one meant.
    """
    item = menu.item(item_id)
    if item.offer == wanted:
        return None
    if not is_meant(item):
        raise PreconditionFailed(f"{item_id} is at revision {item.revision}, version {menu.version} of the menu")
    return item.revision


class UnreadableMenu(Exception):
    """What lies in the store is no menu. The text says where and why."""


def read_menu(found: Mapping[str, object]) -> Menu:
    """A menu as `written` writes it. `UnreadableMenu`, above all for a price that is no whole number of cents.

    A price that came in as a decimal or a float (an import, a shell) is refused rather than rounded.
    """
    items = found.get("items")
    if not isinstance(items, Mapping) or not items:
        raise UnreadableMenu(f"items must be an object with at least one item, not {type(items).__name__}")
    return Menu(
        born=_text(found, "born", "the menu"),
        version=_number(found, "version", "the menu"),
        items=tuple(_item(item_id, fields) for item_id, fields in items.items()),
    )


def written(menu: Menu) -> dict[str, object]:
    """The menu as plain objects: what a document store and a cache keep."""
    return {
        "born": menu.born,
        "version": menu.version,
        "items": {item.item_id: written_item(item.offer, item.revision) for item in menu.items},
    }


def written_item(offer: Offer, revision: int) -> dict[str, object]:
    """One item of it, without its id."""
    return {
        "name": offer.name,
        "category": offer.category,
        "price_cents": offer.price_cents,
        "revision": revision,
    }


def _item(item_id: object, fields: object) -> Item:
    if not isinstance(item_id, str) or not isinstance(fields, Mapping):
        raise UnreadableMenu(f"item {item_id!r} must be an object, not {type(fields).__name__}")
    offer = Offer(
        name=_text(fields, "name", item_id),
        category=_text(fields, "category", item_id),
        price_cents=_number(fields, "price_cents", item_id),
    )
    return Item(item_id=item_id, offer=offer, revision=_number(fields, "revision", item_id))


def _text(fields: Mapping[str, object], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise UnreadableMenu(f"{name} of {where} must be a text, not {value!r}")
    return value


def _number(fields: Mapping[str, object], name: str, where: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UnreadableMenu(f"{name} of {where} must be a whole number from 1, not {value!r}")
    return int(value)
