"""Settles the stock of orders that were handed on, and lets their rows leave the table. Nothing else waits for it.

    handed on ──> take ──(taken)──────────────> delete from the table -> settled
                   │ inventory away, or short                ^
                   └──> put into the partition aside ────────┘
    sweep: the partition aside ──> take ──(taken, or not for a day)──> delete from there

Inventory takes an order's stock once, however often it is asked (its key is the order), and a row leaves only after it
is taken, given up or lies aside: a crash at any point costs a repetition. Payments are handed on before, so they never
wait; and what lies aside is in nobody's way, so that an inventory that is away for hours costs the relay nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.chassis.aws.errors import AwsError
from services.chassis.background import backoff_s, rest
from services.chassis.http.peer import PeerAway
from services.order.outbox.table import ASIDE, BATCH_WRITE, OutboxPage, Row, ShardOwner, chunks
from services.order.stock import BATCH

SWEEP_S: Final = 2.0
"""How often it is tried to settle what lies aside."""
LOOK_S: Final = 30.0
"""How often it is looked for rows that somebody else may have put aside of our shards."""
BACKOFF_S: Final = 0.5
BACKOFF_MAX_S: Final = 5.0
TAKEN: Final = "taken"
"""What inventory says of an order whose stock it took, now or before."""
RELEASED: Final = "released"
"""… of one whose hold was given back, which is done only for orders that do not exist."""
NEVER: Final = ("conflict", "unknown")
"""… of one whose stock it will not take, as things are: somebody has to look into it."""
UNSETTLED_S: Final = 24 * 3600.0
"""How old an order is whose stock is then given up: far older than any hold, whose end may make it possible after all.
The log and a figure say so, and in the books its stock is missing."""

_log = logging.getLogger(__name__)


class Table(Protocol):
    """The outbox."""

    async def oldest(self, partition: str, limit: int, *, after: str | None = None) -> OutboxPage: ...

    async def set_aside(self, rows: Sequence[Row]) -> set[str]: ...

    async def delete(self, rows: Sequence[Row], *, aside: bool = False) -> set[str]: ...


class Taker(Protocol):
    """Inventory."""

    async def take(self, rows: Sequence[Row]) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlingReport:
    """`on_taken` gets the seconds from commit until its stock was taken of each order, `on_aside` how many were not.

    `on_unsettled` is called for each order whose stock was given up, perhaps twice where its row is read again.
    """

    on_taken: Callable[[float], None]
    on_aside: Callable[[int], None]
    on_unsettled: Callable[[], None]


class Settling:
    """The settling of one task. `settled` is told which rows have left the relay's part of the table."""

    def __init__(
        self,
        *,
        table: Table,
        inventory: Taker,
        owner: ShardOwner,
        settled: Callable[[Sequence[Row]], None],
        report: SettlingReport,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._inventory = inventory
        self._owner = owner
        self._settled = settled
        self._report = report
        self._clock = clock
        self._waiting: dict[str, Row] = {}
        self._wake = asyncio.Event()
        self._failures = 0
        self._swept_at = self._looked_at = float("-inf")
        self._suspect: set[str] = set()
        """Shards that may have rows aside."""
        self._reported: set[str] = set()
        """Orders of which the log has that inventory will not take their stock: they are asked for again and again."""

    def took_over(self, shards: frozenset[str]) -> None:
        """These are ours from now on, with whatever their last owner put aside."""
        self._suspect |= shards

    def offer(self, rows: Sequence[Row]) -> None:
        """Settle rows that were handed on. Never blocks, never fails: at worst they are handed on again."""
        self._waiting.update((row.order_id, row) for row in rows)
        if rows:
            self._wake.set()

    async def run(self) -> None:
        """Settle until cancelled."""
        while True:
            if self._failures:
                await asyncio.sleep(backoff_s(self._failures, first_s=BACKOFF_S, most_s=BACKOFF_MAX_S))
            else:
                await rest(SWEEP_S, until=self._wake)
            await self.step()

    async def step(self) -> None:
        """Do all there is to do once. A failure is counted and logged, and leaves everything for the next step."""
        self._wake.clear()
        try:
            while self._waiting:
                await self._settle(tuple(self._waiting.values())[:BATCH])
            await self._sweep()
        except AwsError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end the settling; the log has it
            _log.exception("the settling made a mistake")
            self._failed(error)
        else:
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures in (1, 10):
            _log.warning("the settling backs off", extra={"error": str(error), "held": len(self._waiting)})

    async def _settle(self, rows: tuple[Row, ...]) -> None:
        try:
            left = await self._take(rows)
        except PeerAway:
            left = rows
        for chunk in chunks(left, BATCH_WRITE):
            self._suspect |= {row.shard for row in chunk}
            _all_of("set aside", await self._table.set_aside(chunk))
        self._report.on_aside(len(left))
        for chunk in chunks(rows, BATCH_WRITE):
            await self._leave(chunk, aside=False)

    async def _take(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Those whose stock is still owed after asking for it. `PeerAway`."""
        asked = tuple(row for row in rows if row.lines)
        results = await self._inventory.take(asked) if asked else {}
        return tuple(row for row in asked if self._is_owed(row, results.get(row.order_id)))

    def _is_owed(self, row: Row, answer: str | None) -> bool:
        """Is its stock to be asked for again?"""
        age_s, about = self._clock() - row.at, {"order_id": row.order_id, "answer": answer}
        if answer in NEVER and age_s < UNSETTLED_S:
            if row.order_id not in self._reported:
                self._reported.add(row.order_id)
                _log.warning("stock of an order is not taken, and stays owed", extra=about)
            return True
        self._reported.discard(row.order_id)
        if answer == TAKEN:
            self._report.on_taken(age_s)
        elif answer == RELEASED:
            _log.error("stock of an order was given back, and cannot be taken", extra=about)
        elif answer in NEVER:
            self._report.on_unsettled()
            _log.error("stock of an order is given up: unsettled", extra=about)
        else:
            return True
        return False

    async def _sweep(self) -> None:
        """What lies aside, all of it unless inventory is away: what is short must not hide what is behind it."""
        now, shards = asyncio.get_running_loop().time(), self._owner.shards
        if now - self._swept_at < SWEEP_S:
            return
        self._swept_at = now
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._suspect |= shards
        try:
            for shard in sorted(self._suspect & shards):
                await self._sweep_shard(shard)
        except PeerAway:
            return

    async def _sweep_shard(self, shard: str) -> None:
        after, is_last, is_clean = None, False, True
        while not is_last:
            page = await self._table.oldest(ASIDE + shard, BATCH, after=after)
            left = set(await self._take(page.rows)) if page.rows else set()
            for chunk in chunks([row for row in page.rows if row not in left], BATCH_WRITE):
                await self._leave(chunk, aside=True)
            after, is_last = page.rows[-1].order_id if page.rows else after, page.is_last
            is_clean = is_clean and not page.rows
        if is_clean:
            self._suspect.discard(shard)

    async def _leave(self, rows: tuple[Row, ...], *, aside: bool) -> None:
        left = await self._table.delete(rows, aside=aside)
        if not aside:
            gone = tuple(row for row in rows if row.order_id not in left)
            for row in gone:
                self._waiting.pop(row.order_id, None)
            self._settled(gone)
        _all_of("delete", left)


def _all_of(operation: str, left: set[str]) -> None:
    if left:
        raise AwsError(operation=operation, code="PartlyTaken", message=f"{len(left)} rows are left")
