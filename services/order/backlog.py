"""What a relay holds and what it may hand on next: the order of things, without any I/O.

Rows come from three sides: this task's own commits, other tasks' through the bus, and the sweep of the table. A shard's
rows are due only up to its *horizon*: beyond it the table may hold an older row that nobody told us of, which must not
be overtaken.

    shard taken over -> horizon at the start -> page swept -> horizon at its end -> … -> last page -> no horizon
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from services.order.outbox import SHARDS, Page, Row

LIMIT: Final = 5_000
"""Rows held at most; what comes beyond is left to the sweep."""
REMEMBERED: Final = 5_000
"""Order ids handed on lately: the bus may deliver a row after the sweep has already dealt with it."""
START: Final = ""
NO_HORIZON: Final = "~"
"""Sorts after every order id."""


@dataclass(slots=True)
class _Held:
    row: Row
    taken_by: set[int] = field(default_factory=set)
    """Channels that have it."""


class Backlog:
    """The rows of one relay."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held: dict[str, _Held] = {}
        self._done: OrderedDict[str, None] = OrderedDict()
        self._horizons = dict.fromkeys(SHARDS, START)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, row: Row) -> None:
        """Hold a row somebody just committed."""
        if row.order_id in self._held or row.order_id in self._done:
            return
        if len(self._held) >= self._limit:
            self.forget(row.shard)
            return
        self._held[row.order_id] = _Held(row)

    def forget(self, shard: str) -> None:
        """Trust nothing about `shard` until it was swept."""
        self._horizons[shard] = START

    def swept(self, shard: str, page: Page) -> None:
        """Take in the oldest rows of a shard as the table has them. They are few: the limit does not apply."""
        for row in page.rows:
            if row.order_id not in self._done:
                self._held.setdefault(row.order_id, _Held(row))
        self._horizons[shard] = NO_HORIZON if page.is_last else page.rows[-1].order_id

    def unswept(self, shards: Iterable[str]) -> tuple[str, ...]:
        """The shards whose rows are not all known, so that they should be swept soon."""
        return tuple(shard for shard in shards if self._horizons[shard] != NO_HORIZON)

    def due(self, shards: frozenset[str], limit: int) -> tuple[Row, ...]:
        """What may be handed on now: oldest first, one per customer.

        One, since a batch may be taken in part: were the first of two refused, the second would overtake it.
        """
        chosen: dict[str, Row] = {}
        for order_id in sorted(self._held):
            row = self._held[order_id].row
            if row.shard not in shards or order_id > self._horizons[row.shard]:
                continue
            chosen.setdefault(row.customer_id, row)
            if len(chosen) == limit:
                break
        return tuple(chosen.values())

    def take_foreign(self, shards: frozenset[str]) -> tuple[Row, ...]:
        """Let go of the rows of other relays' shards, and return them to be passed to those."""
        foreign = tuple(held.row for held in self._held.values() if held.row.shard not in shards)
        for row in foreign:
            del self._held[row.order_id]
        return foreign

    def wanting(self, rows: Iterable[Row], channel: int) -> tuple[Row, ...]:
        """Those of `rows` that `channel` has not taken yet."""
        return tuple(row for row in rows if channel not in self._held[row.order_id].taken_by)

    def taken(self, order_ids: Iterable[str], channel: int) -> None:
        for order_id in order_ids:
            self._held[order_id].taken_by.add(channel)

    def taken_by_all(self, rows: Iterable[Row], channels: int) -> tuple[Row, ...]:
        """Those of `rows` that every one of `channels` has taken: they may be deleted."""
        return tuple(row for row in rows if len(self._held[row.order_id].taken_by) == channels)

    def done(self, rows: Iterable[Row]) -> None:
        """These are deleted from the table."""
        for row in rows:
            self._held.pop(row.order_id, None)
            self._done[row.order_id] = None
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
