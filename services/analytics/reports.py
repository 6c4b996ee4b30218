"""The reports at the end of a quarter: what is asked of the warehouse, and what is made of an answer. Pure.

They are asked of a quarter that is drawn by arithmetic, in the warehouse itself: the same rows wherever it is drawn, so
an answer can be told right from wrong, and no report looks at a sale.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

STORES: Final = 100
DAYS: Final = 90
SALES: Final = 500_000
TABLE: Final = "rehearsed_quarter"
_DIGITS: Final = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
DRAW: Final = f"""CREATE TABLE IF NOT EXISTS {TABLE} AS
WITH digits AS ({_DIGITS}),
numbers AS (
    SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d AS n
    FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits e CROSS JOIN digits f CROSS JOIN digits g
)
SELECT n, n % {STORES} AS store, CAST(FLOOR(n / {STORES}.0) AS integer) % {DAYS} AS day,
    CAST(FLOOR(n / {STORES * DAYS}.0) AS integer) % 24 AS hour,
    (n * 3989) % 10007 AS customer, 250 + (n * 2903) % 4751 AS amount_cents
FROM numbers WHERE n < {SALES}"""  # noqa: S608 - constants of this module
DROP: Final = f"DROP TABLE IF EXISTS {TABLE}"
_KINDS: Final = (
    (
        "SELECT day, COUNT(*) AS sales, SUM(amount_cents) AS cents FROM {table} WHERE store = {store}"
        " GROUP BY day ORDER BY day"
    ),
    (
        "SELECT hour, COUNT(*) AS sales, SUM(amount_cents) AS cents, MAX(amount_cents) AS most FROM {table}"
        " WHERE store = {store} GROUP BY hour ORDER BY hour"
    ),
    (
        "SELECT customer, SUM(amount_cents) AS cents FROM {table} WHERE store = {store}"
        " GROUP BY customer ORDER BY cents DESC, customer LIMIT 200"
    ),
    (
        "SELECT hour, day % 7 AS weekday, COUNT(*) AS sales, MIN(amount_cents) AS least FROM {table}"
        " WHERE store = {store} GROUP BY hour, day % 7 ORDER BY hour, weekday"
    ),
    (
        "SELECT store, SUM(amount_cents) AS cents, MAX(customer) AS last_customer FROM {table}"
        " WHERE day % {stores} <= {store} GROUP BY store ORDER BY store"
    ),
)

Row = tuple[int, ...]


def statements() -> tuple[str, ...]:
    """The 500 reports: five of each store. Each orders its rows, so that an answer is one text."""
    return tuple(kind.format(table=TABLE, store=store, stores=STORES) for store in range(STORES) for kind in _KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An answer as it is filed: how many rows, and two fingerprints of them."""

    rows: int
    sha256: str
    md5: str


def rows_of(records: Sequence[Sequence[Mapping[str, object]]]) -> tuple[Row, ...]:
    """The rows of a page of the Data API, whose numbers are all whole here; `ValueError`."""
    return tuple(tuple(_whole(field) for field in record) for record in records)


def _whole(field: Mapping[str, object]) -> int:
    for value in field.values():
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return int(float(value)) if isinstance(value, float) else int(value)
    raise ValueError(f"{field!r} is no whole number")


def written(rows: Sequence[Row]) -> bytes:
    """The answer as one text, the same whoever wrote it."""
    return json.dumps([list(row) for row in rows], separators=(",", ":")).encode()


def fingerprint(text: bytes) -> Report:
    """SHA-256 and MD5 of an answer, and of each row in turn: two that differ in one row differ in both."""
    rows = json.loads(text)
    sha, md5 = hashlib.sha256(text), hashlib.md5(text, usedforsecurity=False)
    for row in rows:
        line = json.dumps(row, separators=(",", ":")).encode()
        sha.update(hashlib.sha256(line).digest())
        md5.update(hashlib.md5(line, usedforsecurity=False).digest())
    return Report(rows=len(rows), sha256=sha.hexdigest(), md5=md5.hexdigest())


def rolled_up(text: bytes) -> bytes:
    """A JSON roll-up of an answer: of each column its sum, extremes, quartiles and most frequent values."""
    columns = list(zip(*json.loads(text), strict=True))
    return json.dumps([_column(values) for values in columns], sort_keys=True).encode()


def _column(values: Sequence[int]) -> dict[str, object]:
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "sum": sum(ordered),
        "least": ordered[0],
        "most": ordered[-1],
        "quartiles": [ordered[last * quarter // 4] for quarter in (1, 2, 3)],
        "frequent": sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:5],
    }
