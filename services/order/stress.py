"""The work of Morning Rush: pricing and validating corporate bulk orders, as at 7:45 on a Monday."""

import itertools
import random
from collections.abc import Callable

from services.assortment import ITEMS, PRICES_CENTS, STORES
from services.order.domain import MAX_LINES, MAX_QUANTITY, Draft, OrderLine, price, violations

OFFICES = 64
"""Different bulk orders that are drawn once and then priced over and over."""


def bulk_orders() -> Callable[[], int]:
    """The work: each call prices one bulk order of 50 lines and checks it, right and wrong; 1 unit, 50-100 µs.

    Raises `RuntimeError` when the rules do not tell the two apart: work whose result nobody checks is an empty loop.
    """
    orders = itertools.cycle(_draw(random.Random(745)))  # noqa: S311 - the same orders in every run, on purpose

    def one() -> int:
        order = next(orders)
        right = Draft(
            store_id=order.store_id,
            customer_id=order.customer_id,
            lines=order.lines,
            total_cents=price(order.lines, PRICES_CENTS),
        )
        if violations(right, PRICES_CENTS) or not violations(order, PRICES_CENTS):
            raise RuntimeError("the rules of an order do not hold")
        return 1

    return one


def _draw(draw: random.Random) -> list[Draft]:
    """Bulk orders without their totals: one of 0 is always wrong."""
    return [
        Draft(
            store_id=draw.choice(STORES),
            customer_id=f"office-{office:02d}",
            lines=tuple(
                OrderLine(item_id=draw.choice(ITEMS).item_id, quantity=draw.randint(1, MAX_QUANTITY))
                for _ in range(MAX_LINES)
            ),
            total_cents=0,
        )
        for office in range(OFFICES)
    ]
