"""What a relay holds and what it may hand on next: the order of things, without any I/O.

Rows come from three sides: this task's own commits, other tasks' through the bus, and the sweep of the table. What a
task is notified of says only that there is something to read: another task may have committed an older row of the same
customer, word of which is still under way. A row is due once a consistent read of its shard, begun after the row was
committed, has shown it in its place; whatever was acknowledged before it was placed is then in the same page.

    announced -> held ──(page of its shard)──> proven -> due -> taken by every channel -> handed on -> done
                └──(last page without it)──> gone: another relay handed it on

What was handed on stays in the table until its stock is settled (settling.py), and holds up nobody meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.order.outbox.table import SHARDS, OutboxPage, Row

LIMIT: Final = 5_000
"""Rows held at most; what comes beyond is left to the sweep."""
REMEMBERED: Final = 5_000
"""Order ids handed on lately: the bus may deliver a row after the sweep has already dealt with it."""


@dataclass(slots=True)
class _Held:
    row: Row
    is_proven: bool = False
    """Seen in the table, and so was everything older."""
    taken_by: set[int] = field(default_factory=set)
    """Channels that have it."""
    is_handed_on: bool = False
    """All of them have it."""


class Backlog:
    """The rows of one relay."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._held: dict[str, _Held] = {}
        self._done: OrderedDict[str, None] = OrderedDict()
        self._unread = set(SHARDS)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        """Rows held that are not handed on yet."""
        return sum(not held.is_handed_on for held in self._held.values())

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
        self._unread.add(shard)
        for held in self._held.values():
            if held.row.shard == shard and not held.is_handed_on:
                held.is_proven = False

    def known(self, shard: str) -> frozenset[str]:
        """Order ids held of `shard`: to be noted before the table is read, and given to `swept` with what was read."""
        return frozenset(order_id for order_id, held in self._held.items() if held.row.shard == shard)

    def swept(self, shard: str, page: OutboxPage, known: frozenset[str]) -> None:
        """Take in the oldest rows of a shard as the table has them. They are few: the limit does not apply."""
        for row in page.rows:
            if row.order_id not in self._done:
                self._held.setdefault(row.order_id, _Held(row)).is_proven = True
        if not page.is_last:
            self._unread.add(shard)
            return
        self._unread.discard(shard)
        gone = known - {row.order_id for row in page.rows}
        self.done([self._held[order_id].row for order_id in gone if order_id in self._held])

    def unswept(self, shards: Iterable[str]) -> tuple[str, ...]:
        """The shards that hold what no page has shown yet, so that they should be swept now."""
        unproven = {held.row.shard for held in self._held.values() if not held.is_proven}
        return tuple(shard for shard in shards if shard in self._unread or shard in unproven)

    def holds(self, shards: frozenset[str]) -> bool:
        """Is anything of `shards` still to be handed on?"""
        return any(held.row.shard in shards for held in self._held.values())

    def due(self, shards: frozenset[str], limit: int) -> tuple[Row, ...]:
        """What may be handed on now: oldest first, one per customer.

        One, since a batch may be taken in part: were the first of two refused, the second would overtake it.
        """
        chosen: dict[str, Row] = {}
        for order_id in sorted(self._held):
            held, row = self._held[order_id], self._held[order_id].row
            if row.shard not in shards or not held.is_proven or held.is_handed_on:
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

    def handed_on(self, rows: Iterable[Row], channels: int) -> tuple[Row, ...]:
        """Those of `rows` that every one of `channels` has taken: they are not due any more."""
        through = tuple(row for row in rows if len(self._held[row.order_id].taken_by) == channels)
        for row in through:
            self._held[row.order_id].is_handed_on = True
        return through

    def are_handed_on(self, rows: Sequence[Row]) -> bool:
        """There are some, and all of them were handed on."""
        return bool(rows) and all((held := self._held.get(row.order_id)) and held.is_handed_on for row in rows)

    def done(self, rows: Iterable[Row]) -> None:
        """These are deleted from the table."""
        for row in rows:
            self._held.pop(row.order_id, None)
            self._done[row.order_id] = None
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
