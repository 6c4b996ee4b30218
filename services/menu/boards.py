"""The menu boards of the stores: what hangs above each counter in a season, line by line, and how two of them differ.

A board is rendered from head office's document: heading by heading, product by product, with sizes, prices in dollars
and allergens. Stores without an oven have no warm food. A difference is a merge of both boards in their order, linear
in their length; applied to the old board it must give the new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

HEADINGS: Final = ("seasonal", "coffee", "cold", "tea", "chocolate", "bakery", "food", "corporate")
WARM: Final = frozenset({"food"})
OVENLESS: Final = 4
"""Every fourth store is a kiosk without an oven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A menu document's products by heading, with or without those of the season."""

    name: str
    products: Mapping[str, tuple[Mapping[str, Any], ...]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a board; `key` gives its place."""

    key: tuple[int, str]
    text: str


Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one line."""

    kind: Kind
    line: Line


def season(document: Mapping[str, Any], name: str, *, is_launched: bool) -> Season:
    """The season of a menu document, before or after its launch."""
    headings = [heading for heading in HEADINGS if is_launched or heading != "seasonal"]
    return Season(
        name=name,
        products={h: tuple(p for p in document["item"] if p["category"] == h) for h in headings},
    )


def render(store_id: str, shown: Season) -> list[Line]:
    """The board of a store, in the order of its lines."""
    lines = [Line((-1, ""), f"CloudCafe {store_id} · {shown.name}")]
    has_oven = int(store_id.rpartition("-")[2]) % OVENLESS != 0
    for place, heading in enumerate(HEADINGS):
        products = shown.products.get(heading, ())
        if not products or (heading in WARM and not has_oven):
            continue
        lines.append(Line((place, ""), heading.upper()))
        lines.extend(Line((place, product["id"]), _text(product)) for product in _sorted(products))
    return lines


def differences(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Change]:
    """What leads from `old` to `new`, both in order, as changes in order."""
    at = 0
    for line in new:
        while at < len(old) and old[at].key < line.key:
            yield Change("removed", old[at])
            at += 1
        if at < len(old) and old[at].key == line.key:
            if old[at].text != line.text:
                yield Change("changed", line)
            at += 1
        else:
            yield Change("added", line)
    for left in old[at:]:
        yield Change("removed", left)


def apply(changes: Sequence[Change], old: Sequence[Line]) -> list[Line]:
    """`old` after `changes`."""
    board = {line.key: line for line in old}
    for change in changes:
        if change.kind == "removed":
            del board[change.line.key]
        else:
            board[change.line.key] = change.line
    return [board[key] for key in sorted(board)]


def _sorted(products: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(products, key=lambda product: str(product["id"]))


def _text(product: Mapping[str, Any]) -> str:
    sizes = " · ".join(f"{size} ${cents // 100}.{cents % 100:02d}" for size, cents in product["sizes"].items())
    allergens = f" ({', '.join(product['allergens'])})" if product["allergens"] else ""
    return f"{product['name']}{allergens}: {sizes}"
