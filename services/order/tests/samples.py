"""A good order, as the wire has it."""

from services.assortment import PRICES_CENTS
from services.order.domain import Draft, OrderLine
from services.order.outbox.table import Row

LATTE, CROISSANT = "latte-grande", "croissant-piece"
AT = 1_795_000_000.0
"""When every order was placed."""


def order(**changes: object) -> dict[str, object]:
    """Two lattes and a croissant, with `changes`."""
    total = 2 * PRICES_CENTS[LATTE] + PRICES_CENTS[CROISSANT]
    good: dict[str, object] = {
        "store_id": "store-001",
        "customer_id": "customer-0001",
        "items": [{"item_id": LATTE, "quantity": 2}, {"item_id": CROISSANT, "quantity": 1}],
        "total_amount": f"{total // 100}.{total % 100:02d}",
    }
    return {**good, **changes}


def row(number: int, customer: str = "customer-0001") -> Row:
    """The `number`-th order on its way out."""
    return Row(
        order_id=f"01{number:024d}",
        customer_id=customer,
        store_id="store-001",
        total_amount="12.15",
        at=AT,
        correlation_id="c",
        lines=(OrderLine(item_id=LATTE, quantity=2), OrderLine(item_id=CROISSANT, quantity=1)),
    )


def draft(of: Row) -> Draft:
    """What was ordered in a row."""
    cents = int(of.total_amount.replace(".", ""))
    return Draft(store_id=of.store_id, customer_id=of.customer_id, lines=of.lines, total_cents=cents)
