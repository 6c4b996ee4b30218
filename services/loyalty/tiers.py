"""What the tiers are worth: members, points and revenue of each, from the warehouse.

    members   the accounts and their tiers, which this service copies there (`members`)
    revenue   a row for every paid order, which the analytics workers load

A tier's revenue is all that its members of today ever paid. An answer is kept for a while, and asked for once however
many want it at a time.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from services.chassis.aws.data_api import Record, WarehouseAway
from services.chassis.resilience import deadline
from services.loyalty.domain import TIERS

TTL_S: Final = 30.0
PATIENCE_S: Final = 4.0
"""How long a request waits for the warehouse: less than it lives."""
ASKING_S: Final = 20.0
"""How long a statement may take; whoever asks later finds its answer."""
QUERY: Final = """SELECT members.tier, COUNT(*) AS members, SUM(members.balance) AS balance,
    SUM(members.earned) AS earned, COALESCE(SUM(paid.cents), 0) AS cents, MAX(members.as_of) AS as_of
FROM members LEFT JOIN (SELECT customer_id, SUM(amount_cents) AS cents FROM revenue GROUP BY customer_id) AS paid
    ON paid.customer_id = members.customer_id
GROUP BY members.tier"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierWorth:
    """One tier: members, points to spend, points ever earned, revenue in cents."""

    tier: str
    members: int = 0
    balance: int = 0
    earned: int = 0
    revenue_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TierReport:
    """Every tier, lowest first. `as_of`: when the accounts were read, in Unix seconds; None where there are none."""

    as_of: int | None
    tiers: tuple[TierWorth, ...]


class Reports(Protocol):
    """The warehouse. Raises `WarehouseAway`."""

    async def ask(self, statement: str) -> str: ...
    async def answer(self, statement: str) -> list[Record]: ...
    async def cancel(self, statement: str) -> None: ...


class TierAnalytics:
    """Asks the warehouse, and remembers what it said."""

    def __init__(self, warehouse: Reports, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._known: tuple[float, TierReport] | None = None
        self._asking: asyncio.Task[TierReport] | None = None

    async def report(self) -> TierReport:
        """No older than `TTL_S`; `WarehouseAway` when there is none in time."""
        if self._known is not None and self._clock() - self._known[0] < TTL_S:
            return self._known[1]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._asked(), name="tiers")
            self._asking.add_done_callback(_seen)
        try:
            async with asyncio.timeout(min(PATIENCE_S, deadline.remaining())):
                return await asyncio.shield(self._asking)
        except TimeoutError:
            raise WarehouseAway("no answer yet") from None

    async def _asked(self) -> TierReport:
        deadline.start(ASKING_S)  # the request's own does not count: others may wait for the same answer
        statement = await self._warehouse.ask(QUERY)
        try:
            async with asyncio.timeout(ASKING_S):
                report = read_report(await self._warehouse.answer(statement))
        except TimeoutError:
            deadline.start(1.0)
            await self._warehouse.cancel(statement)
            raise WarehouseAway(f"statement {statement} took more than {ASKING_S:g} s") from None
        self._known = (self._clock(), report)
        return report

    async def close(self) -> None:
        """Nobody waits any more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})


def _seen(task: "asyncio.Task[TierReport]") -> None:
    """An error is raised for whoever waits; where all have gone it is nobody's."""
    if not task.cancelled():
        task.exception()


def read_report(records: Sequence[Record]) -> TierReport:
    """The report in the rows of `QUERY`; a tier without members has none."""
    found = {str(_value(record[0])): [int(_value(field)) for field in record[1:]] for record in records}
    worths = tuple(
        TierWorth(tier=tier.name, members=row[0], balance=row[1], earned=row[2], revenue_cents=row[3])
        if (row := found.get(tier.name))
        else TierWorth(tier=tier.name)
        for tier in TIERS
    )
    return TierReport(as_of=max((row[4] for row in found.values()), default=None), tiers=worths)


def _value(field: dict[str, Any]) -> Any:
    """A field of the Data API is a kind and a value; sums of bigint are numerics, which come as text."""
    [value] = field.values()
    return value
