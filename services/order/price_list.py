"""Prices and stock, behind the interfaces that the menu and inventory services will answer for."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from services import assortment
from services.order.domain import OrderLine


class UnknownStore(Exception):
    """There is no such store. The text is its id."""


class Prices(Protocol):
    """What things cost."""

    async def at(self, store_id: str) -> Mapping[str, int]:
        """Cents per item id on the menu of a store; `UnknownStore` when there is none."""
        ...


class Stock(Protocol):
    """What a store can serve."""

    async def missing(self, store_id: str, lines: tuple[OrderLine, ...]) -> tuple[str, ...]:
        """The item ids that the store cannot serve in these quantities; empty when it can."""
        ...


class Product(BaseModel):
    """One product of the menu document, checked: no store may price a typing error of head office."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    name: str = Field(min_length=1, max_length=80)
    category: str
    allergens: list[str]
    sizes: dict[str, Annotated[int, Field(gt=0, le=100_000)]] = Field(min_length=1)


class MenuDocument(BaseModel):
    """The whole menu document."""

    model_config = ConfigDict(strict=True, extra="forbid")

    currency: str
    season: str
    item: list[Product] = Field(min_length=1)


_STORES = frozenset(assortment.STORES)


def price_list(store_id: str) -> dict[str, int]:
    """The store's price list, worked out from the menu document anew: read, checked, spread over the sizes.

    That takes milliseconds, as asking the menu service will; so it is done on a cache miss only.
    """
    if store_id not in _STORES:
        raise UnknownStore(store_id)
    document = MenuDocument.model_validate(assortment.document(assortment.MENU))
    return {f"{product.id}-{size}": cents for product in document.item for size, cents in product.sizes.items()}


class UnlimitedStock:
    """Every store serves the whole menu until the inventory service keeps count."""

    async def missing(self, store_id: str, lines: tuple[OrderLine, ...]) -> tuple[str, ...]:
        return ()
