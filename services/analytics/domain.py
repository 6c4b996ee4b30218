"""What a record of the order stream means for the revenue. Pure. Money is in cents.

record ──> nothing (`order_accepted`: it may still be declined)
       ──> a sale  (`order_paid`)
       ──> poison  (whatever else; the reason says what is wrong with it)
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

PAID: Final = "order_paid"
IGNORED: Final = frozenset({"order_accepted"})
_AMOUNT: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_MAX_TEXT: Final = 256
_YEARS: Final = (946_684_800.0, 4_102_444_800.0)
"""2000 to 2100 in Unix seconds: milliseconds in place of seconds are found by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A paid order. `paid_at` in Unix seconds."""

    order_id: str
    customer_id: str
    store_id: str
    amount_cents: int
    authorization_id: str
    correlation_id: str
    paid_at: float


class Poison(Exception):
    """The record can never become a row, however often it is read. The text says why."""


def read(data: bytes) -> Sale | None:
    """The sale that a record announces, if any; `Poison`."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        raise Poison(f"it is not JSON: {str(wrong)[:200]}") from wrong
    if not isinstance(event, dict):
        raise Poison(f"it is no object but {type(event).__name__}")
    kind = event.get("type")
    if isinstance(kind, str) and kind in IGNORED:
        return None
    if kind != PAID:
        raise Poison(f"its type is {_shown(kind)}; known are {PAID}, {', '.join(sorted(IGNORED))}")
    return Sale(
        order_id=_id(event, "order_id"),
        customer_id=_id(event, "customer_id"),
        store_id=_id(event, "store_id"),
        amount_cents=_cents(event.get("total_amount")),
        authorization_id=_id(event, "authorization_id"),
        correlation_id=_text(event, "correlation_id", default="-"),
        paid_at=_moment(event.get("at")),
    )


def _id(event: dict[str, object], name: str) -> str:
    found = event.get(name)
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise Poison(f"{name} is {_shown(found)}; allowed are 1 to 128 letters, digits and . _ : -")
    return found


def _text(event: dict[str, object], name: str, default: str) -> str:
    found = event.get(name, default)
    if not isinstance(found, str) or len(found) > _MAX_TEXT or not found.isprintable():
        raise Poison(f"{name} is {_shown(found)}; allowed is a text of up to {_MAX_TEXT} characters")
    return found


def _cents(amount: object) -> int:
    """Cents of an amount written as a decimal text, as payment does: a binary float has no exact cents."""
    found = _AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    if found is None:
        raise Poison(f"total_amount is {_shown(amount)}; allowed is a decimal text of whole cents, not below 0")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _moment(at: object) -> float:
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not math.isfinite(at):
        raise Poison(f"at is {_shown(at)}; allowed are Unix seconds")
    if not _YEARS[0] <= at < _YEARS[1]:
        raise Poison(f"at is {_shown(at)}; allowed are Unix seconds of 2000 to 2100")
    return float(at)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


COLUMNS: Final = (
    "order_id",
    "customer_id",
    "store_id",
    "amount_cents",
    "authorization_id",
    "correlation_id",
    "paid_at",
)


def to_csv(sales: Iterable[Sale]) -> bytes:
    """The rows as COPY reads them, in the order of `COLUMNS`; every text quoted, moments in UTC."""
    return "".join(_line(sale) for sale in sales).encode()


def _line(sale: Sale) -> str:
    texts = (sale.order_id, sale.customer_id, sale.store_id)
    quoted = ",".join(_quoted(text) for text in texts)
    paid_at = datetime.fromtimestamp(sale.paid_at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    rest = ",".join(_quoted(text) for text in (sale.authorization_id, sale.correlation_id))
    return f"{quoted},{sale.amount_cents},{rest},{paid_at}\n"


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def once_each(sales: Sequence[Sale]) -> tuple[Sale, ...]:
    """The first sale of every order: an event that was published twice is one sale."""
    found: dict[str, Sale] = {}
    for sale in sales:
        found.setdefault(sale.order_id, sale)
    return tuple(found.values())
