"""What the load generator ordered: one JSON line for each order it attempted, once its outcome is settled."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

Outcome = Literal["acknowledged", "refused", "unknown"]
"""acknowledged: answered 201. refused: answered otherwise, or never sent. unknown: sent, and no answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One order as the customer saw it, all retries of one Idempotency-Key together.

    Times are Unix seconds: `scheduled_at` when it was due, `acknowledged_at` when the 201 came.
    `order_id` is known for acknowledged orders only. `total_amount` is a
    decimal text, `items` are (item id, quantity). `status` is that of the last answer, None where none came.
    """

    outcome: Outcome
    status: int | None
    order_id: str | None
    customer_id: str
    store_id: str
    total_amount: Decimal
    items: tuple[tuple[str, int], ...]
    idempotency_key: str
    correlation_id: str
    scheduled_at: float
    acknowledged_at: float | None
    tries: int = 1


def to_line(attempt: Attempt) -> str:
    """One JSON line, without its newline."""
    items = [{"item_id": item, "quantity": quantity} for item, quantity in attempt.items]
    value = {**asdict(attempt), "total_amount": str(attempt.total_amount), "items": items}
    return json.dumps(value, separators=(",", ":"))


def of_line(line: str) -> Attempt:
    """Read what `to_line` wrote; `ValueError` for anything else."""
    try:
        value = json.loads(line)
        items = tuple((item["item_id"], int(item["quantity"])) for item in value["items"])
        return Attempt(**{**value, "items": items, "total_amount": Decimal(value["total_amount"])})
    except (TypeError, KeyError, ArithmeticError) as error:
        raise ValueError(f"{line[:120]!r} is no order attempt: {error}") from error


def read_history(path: Path) -> tuple[Attempt, ...]:
    """Every attempt in the file; a torn last line is left out, any other bad line is a `ValueError` with its number."""
    with path.open(encoding="utf-8") as file:
        return tuple(_attempts(path, file))


def is_torn(path: Path) -> bool:
    """Was whoever wrote it killed in the middle of a line? Then there was one order more than `read_history` has."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        return end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"


def _attempts(path: Path, lines: Iterable[str]) -> Iterable[Attempt]:
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            return  # whoever wrote it was killed in the middle of this line
        try:
            yield of_line(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
