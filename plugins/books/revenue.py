"""The revenue as a book: a row for every paid order, read from the warehouse by Redshift's Data API."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.errors import EnvironmentFault
from plugins.books.captures import Capture
from plugins.books.entries import RevenueRow
from plugins.books.readers import Cloud
from plugins.books.warehouse import Warehouse

_PATIENCE_S = 120
"""A queue of reports may be before us."""

_ROWS = "SELECT order_id, customer_id, store_id, amount_cents FROM revenue"
_TIMES = "SELECT order_id, paid_at, loaded_at FROM revenue"
"""As texts: EXTRACT(epoch …) of a timestamp is whole seconds."""
_MISSING = re.compile(r"relation \"?revenue\"? does not exist|Table .*revenue.* does not exist", re.IGNORECASE)
"""What the warehouse says while no worker has made the table."""


def read_revenue(cloud: Cloud) -> tuple[RevenueRow, ...]:
    """Every row of the revenue; none while there is no table. `EnvironmentFault` where the warehouse cannot tell."""
    return tuple(
        RevenueRow(order_id=order, customer_id=customer, store_id=store, amount_cents=int(cents))
        for order, customer, store, cents in _rows(cloud, _ROWS)
    )


def read_arrivals(cloud: Cloud) -> tuple[Capture, ...]:
    """When each sale was paid, and when its row was there, by the warehouse's clock; in the order of the latter."""
    found = (
        Capture(order_id=order, placed_at=_seconds(paid), captured_at=_seconds(loaded))
        for order, paid, loaded in _rows(cloud, _TIMES)
    )
    return tuple(sorted(found, key=lambda arrival: arrival.captured_at))


def _rows(cloud: Cloud, sql: str) -> Iterator[tuple[str, ...]]:
    warehouse = Warehouse(cloud)
    asked = warehouse.ask(sql)
    ended = warehouse.ended(asked, _PATIENCE_S)
    if ended["Status"] != "FINISHED":
        if _MISSING.search(ended.get("Error", "")):
            return
        raise EnvironmentFault(f"the warehouse does not tell the revenue: {ended['Status']}: {ended.get('Error', '')}")
    yield from (tuple(_text(field) for field in record) for record in warehouse.records(asked))


def _seconds(moment: str) -> float:
    """Unix seconds of a timestamp, which is in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def _text(field: Mapping[str, Any]) -> str:
    return next(iter(str(value) for value in field.values()))
