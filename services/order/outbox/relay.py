"""Moves accepted orders from the outbox to the payments queue and the event stream: each at least once, in order.

    commit -> offer ──┐                      ┌─> queue  ─┐
    bus    -> hear  ──┼─> backlog -> due ────┤           ├─> both have it -> settling (settling.py) -> done
    sweep  -> page  ──┘        ^             └─> stream ─┘
                               └── whatever failed stays, and is tried again after a back-off

A row leaves the table after both channels took it and its stock is settled, so a crash at any point costs nothing but a
repetition, which the queue's de-duplication and the consumers absorb. Nothing is polled: a commit wakes the relay,
which reads the shards it was notified of, since only the table knows the order of things (see backlog.py). Now and then
it reads all of its shards, for rows whose writer died before it could announce them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.chassis.aws.errors import AwsError
from services.chassis.background import backoff_s
from services.order.outbox.backlog import Backlog
from services.order.outbox.channels import Channel
from services.order.outbox.table import OutboxPage, Row, ShardOwner, chunks, pack, unpack

LINGER_S: Final = 0.25
"""Under load, hand on so often and no oftener: batches of several rows cost a fraction of as many single ones."""
SWEEP_S: Final = 2.0
"""How long a row whose writer died may lie unseen."""
PAGE: Final = 100
AT_ONCE: Final = 50
"""Rows handed on in one go, in as many parallel calls as that takes."""
BACKOFF_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0

_log = logging.getLogger(__name__)


class Outbox(Protocol):
    """The table."""

    async def oldest(self, partition: str, limit: int, *, after: str | None = None) -> OutboxPage: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """What a relay reports of its work: `on_done` gets the seconds from commit to hand-over of each row."""

    on_done: Callable[[float], None]


class Relay:
    """The relay of one task. `announce` passes a packed message of rows to the other tasks, `settle` gets those that
    were handed on; `settled` is to be told when they have left the table.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        channels: tuple[Channel, ...],
        owner: ShardOwner,
        announce: Callable[[bytes], Awaitable[object]],
        settle: Callable[[Sequence[Row]], None],
        report: RelayReport,
        backlog: Backlog | None = None,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._owner = owner
        self._announce = announce
        self._settle = settle
        self._report = report
        self._backlog = backlog or Backlog()
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._failures = 0
        self._swept_at = float("-inf")
        self._handed_on_at = float("-inf")

    @property
    def depth(self) -> int:
        """Rows held: not yet handed on, or not yet settled."""
        return len(self._backlog)

    def offer(self, row: Row) -> None:
        """Hand on a row that was just committed. Never blocks, never fails: at worst the sweep finds it."""
        self._backlog.add(row)
        self._wake.set()

    def hear(self, message: bytes) -> None:
        """Rows that another task committed. Those of shards that are not ours are somebody else's."""
        for row in unpack(message):
            if row.shard in self._owner.shards:
                self.offer(row)

    def settled(self, rows: Sequence[Row]) -> None:
        """These have left the table."""
        self._backlog.done(rows)
        if self._is_stopping:
            self._wake.set()

    def took_over(self, shards: frozenset[str]) -> None:
        """These shards are ours from now on: read what their last owner left."""
        for shard in shards:
            self._backlog.forget(shard)
        self._wake.set()

    def stop(self) -> None:
        """Hand on what is held, then let `run` return."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Relay until stopped."""
        while not (self._is_stopping and not self._backlog.holds(self._owner.shards)):
            await self._wait()
            await self.step()
        await self._pass_on()

    async def _wait(self) -> None:
        """Until there is something to do: a row after the linger, the next sweep, or the end of the back-off."""
        if self._failures:
            await asyncio.sleep(backoff_s(self._failures, first_s=BACKOFF_S, most_s=BACKOFF_MAX_S))
            return
        try:
            async with asyncio.timeout(SWEEP_S):
                await self._wake.wait()
        except TimeoutError:
            return
        linger = self._handed_on_at + LINGER_S - asyncio.get_running_loop().time()
        if linger > 0 and not self._is_stopping and self._backlog.waiting < AT_ONCE:
            await asyncio.sleep(linger)

    async def step(self) -> None:
        """Do all there is to do once. A failure is counted and logged, and leaves everything for the next step."""
        self._wake.clear()
        try:
            await self._pass_on()
            await self._sweep()
            while rows := self._backlog.due(self._owner.shards, AT_ONCE):
                await self._hand_on(rows)
                self._handed_on_at = asyncio.get_running_loop().time()
                if self._backlog.unswept(self._owner.shards):  # there was more than a page: go on with the next
                    self._wake.set()
        except AwsError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end the relaying; the log has it
            _log.exception("the relay made a mistake")
            self._failed(error)
        else:
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures in (1, 10):
            _log.warning("the relay backs off", extra={"error": str(error), "held": self.depth})

    async def _pass_on(self) -> None:
        rows = self._backlog.take_foreign(self._owner.shards)
        for chunk in chunks(rows, PAGE):
            await self._announce(pack(chunk))

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        shards = self._owner.shards
        if now - self._swept_at >= SWEEP_S:
            self._swept_at = now
        else:
            shards = frozenset(self._backlog.unswept(shards))
        for shard in sorted(shards):
            known = self._backlog.known(shard)
            self._backlog.swept(shard, await self._read(shard), known)

    async def _read(self, shard: str) -> OutboxPage:
        """The oldest rows of a shard, and the next ones while all of these only wait for their stock."""
        page = newest = await self._outbox.oldest(shard, PAGE)
        while not newest.is_last and self._backlog.are_handed_on(newest.rows):
            newest = await self._outbox.oldest(shard, PAGE, after=newest.rows[-1].order_id)
            page = OutboxPage(rows=page.rows + newest.rows, is_last=newest.is_last)
        return page

    async def _hand_on(self, rows: tuple[Row, ...]) -> None:
        """Both channels at the same time; what both have is settled. Raises the first failure after all have ended."""
        outcomes = await asyncio.gather(
            *(
                self._send(index, chunk)
                for index in range(len(self._channels))
                for chunk in self._chunks_for(index, rows)
            ),
            return_exceptions=True,
        )
        through = self._backlog.handed_on(rows, len(self._channels))
        self._settle(through)
        for row in through:
            self._report.on_done(time.time() - row.at)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def _chunks_for(self, channel: int, rows: tuple[Row, ...]) -> list[tuple[Row, ...]]:
        return chunks(self._backlog.wanting(rows, channel), self._channels[channel].batch)

    async def _send(self, channel: int, rows: tuple[Row, ...]) -> None:
        taken = await self._channels[channel].send(rows)
        self._backlog.taken(taken, channel)
        if len(taken) < len(rows):
            raise AwsError(operation="hand on", code="PartlyTaken", message=f"{len(taken)} of {len(rows)} rows taken")
