"""The rules of an order: money, lines, totals. Pure, and built on the standard library alone: bulk workers load it too.

Money is integer cents inside and a decimal with two digits outside.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

MAX_LINES: Final = 50
MAX_QUANTITY: Final = 100
MAX_TOTAL_CENTS: Final = 100_000_000
"""A million: above the dearest order that the other limits allow, so that it refuses only nonsense."""

StockState = Literal["held", "owed"]
"""Whether inventory holds what an order needs, or has still to be asked for it."""

_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So many of one item."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An order as a customer asks for it; nothing is promised yet."""

    store_id: str
    customer_id: str
    lines: tuple[OrderLine, ...]
    total_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that was accepted. `placed_at` in Unix seconds; `idempotency_key` as the customer chose it."""

    order_id: str
    draft: Draft
    status: str
    placed_at: float
    correlation_id: str
    idempotency_key: str | None = None
    stock: StockState = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken rule: `pointer` (RFC 6901) says where in the request."""

    pointer: str
    rule: str


def cents(amount: int | float | str) -> int:
    """`amount` of money in cents; `ValueError` unless it is positive, exact to the cent and of sane size."""
    if isinstance(amount, bool):
        raise ValueError("must be an amount of money")  # noqa: TRY004 - one error for every amount that is none
    if isinstance(amount, int):
        return _in_range(amount * 100) if abs(amount) <= MAX_TOTAL_CENTS else _in_range(MAX_TOTAL_CENTS + 1)
    text = amount if isinstance(amount, str) else repr(amount)
    if not _AMOUNT.fullmatch(text):
        raise ValueError("must be a positive amount of money like 12.50")
    exact = Decimal(text) * 100
    if exact != exact.to_integral_value():
        raise ValueError("must be exact to the cent")
    return _in_range(int(exact))


def _in_range(amount_cents: int) -> int:
    if not 0 < amount_cents <= MAX_TOTAL_CENTS:
        raise ValueError(f"must be more than 0 and at most {decimal(MAX_TOTAL_CENTS)}")
    return amount_cents


def decimal(amount_cents: int) -> str:
    """Cents as the wire shows them: `12.50`."""
    return f"{amount_cents // 100}.{amount_cents % 100:02d}"


def price(lines: tuple[OrderLine, ...], prices: Mapping[str, int]) -> int:
    """The total in cents; `KeyError` for an item that has no price."""
    return sum(prices[line.item_id] * line.quantity for line in lines)


def violations(draft: Draft, prices: Mapping[str, int]) -> tuple[Violation, ...]:
    """Every rule that `draft` breaks at `prices` (cents per item of its store); empty when the order can be taken."""
    broken = [
        Violation(pointer=f"/items/{index}/item_id", rule="is not on this store's menu")
        for index, line in enumerate(draft.lines)
        if line.item_id not in prices
    ]
    broken += [
        Violation(pointer=f"/items/{index}/quantity", rule=f"must be 1 to {MAX_QUANTITY}")
        for index, line in enumerate(draft.lines)
        if not 1 <= line.quantity <= MAX_QUANTITY
    ]
    if not 1 <= len(draft.lines) <= MAX_LINES:
        broken.append(Violation(pointer="/items", rule=f"must have 1 to {MAX_LINES} lines"))
    if not broken and (expected := price(draft.lines, prices)) != draft.total_cents:
        broken.append(Violation(pointer="/total_amount", rule=f"must be {decimal(expected)}, the sum of the lines"))
    return tuple(broken)
