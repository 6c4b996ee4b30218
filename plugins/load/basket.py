"""An order as a customer would place it, drawn from the menu. The same draws give the same basket."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from services.assortment import ITEMS, PRICES_CENTS, STORES

CUSTOMERS = 200
"""Few enough that customers come back: the order of one customer's orders is then something to check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """Who orders what where. `items` are (item id, quantity), each item once."""

    customer_id: str
    store_id: str
    items: tuple[tuple[str, int], ...]

    @classmethod
    def fill(cls, draw: random.Random) -> Self:
        """One to three different items, one or two of each."""
        chosen = draw.sample(ITEMS, draw.randint(1, 3))
        return cls(
            customer_id=f"customer-{draw.randrange(CUSTOMERS):04d}",
            store_id=draw.choice(STORES),
            items=tuple((item.item_id, draw.randint(1, 2)) for item in chosen),
        )

    @property
    def total_amount(self) -> Decimal:
        """Dollars, to the cent."""
        cents = sum(PRICES_CENTS[item] * quantity for item, quantity in self.items)
        return (Decimal(cents) / 100).quantize(Decimal("0.01"))

    def request(self) -> dict[str, object]:
        """The body of `POST /api/orders`."""
        return {
            "store_id": self.store_id,
            "customer_id": self.customer_id,
            "items": [{"item_id": item, "quantity": quantity} for item, quantity in self.items],
            "total_amount": str(self.total_amount),
        }
