"""What one SQS queue holds: every operation costs the same, or nearly, however deep it is. Pure: time comes in.

    send ──> waiting (delayed, then ready) ──receive──> in flight ──delete──> gone
                        ^                                   │
                        └────── visibility expires ─────────┘      after maxReceiveCount deliveries: dead

A FIFO queue keeps one line per message group. A group with a message in flight is locked: nothing of it is delivered
until that message is deleted or visible again, and then in the order sent. Source: Amazon SQS Developer Guide, "FIFO
queue delivery logic", "Exactly-once processing", "Visibility timeout". A stale entry stays in its heap until its
time comes, so no heap outgrows what waits plus what was delivered within a visibility timeout.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

DEDUPLICATION_S = 300.0
"""For so long after a send, another with the same de-duplication id is accepted and not delivered."""
IN_FLIGHT_LIMIT = 120_000
"""Messages of a queue in flight at most; none is delivered beyond it. Source: "Amazon SQS quotas", either kind."""

Body = TypeVar("Body")
Key = tuple[str, str]
"""A de-duplication id within its scope: ("", id) for the queue, (group, id) for a message group."""


@dataclass(slots=True, kw_only=True, eq=False)
class HeldMessage(Generic[Body]):
    """One message of a queue. `number` grows with each send; `receipt` is that of the latest delivery, 0 before any.

    Retention counts from `origin`: `sent_at`, or when it was first sent if a standard queue held it before this one.
    """

    number: int
    body: Body
    group: str
    sent_at: float
    origin: float
    is_delayed: bool = False
    receives: int = 0
    earlier: int = 0
    """Receives from a queue whose dead letter it is; they count for its readers, not for its end here."""
    receipt: int = 0
    visible_at: float | None = None
    """When the delivery it is in ends; None while it waits."""


@dataclass(slots=True)
class _Line:
    """A message group: the numbers that wait, as a heap, and how many are in flight."""

    waiting: list[int] = field(default_factory=list)
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """The three ApproximateNumberOf… attributes."""

    visible: int
    in_flight: int
    delayed: int


class ReceiptUnknown(Exception):
    """No delivery of this queue had that receipt."""


class ReceiptExpired(Exception):
    """The delivery is over: its visibility timeout ended, or somebody else has received the message since."""


class Deduplication:
    """Remembers what was answered to a send, by its de-duplication key, for `DEDUPLICATION_S`."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Key, tuple[float, tuple[str, str]]] = OrderedDict()

    def recall(self, key: Key, *, now: float) -> tuple[str, str] | None:
        """What `remember` got for `key` within the window, whether or not the message has been deleted since."""
        while self._answers and now - next(iter(self._answers.values()))[0] >= DEDUPLICATION_S:
            self._answers.popitem(last=False)
        known = self._answers.get(key)
        return known[1] if known else None

    def remember(self, key: Key, answer: tuple[str, str], *, now: float) -> None:
        """Keep `answer` (message id, sequence number) for `key`, which `recall` does not know."""
        self._answers[key] = (now, answer)

    def __len__(self) -> int:
        return len(self._answers)


class MailBox(Generic[Body]):
    """The messages of one queue. `now` is in seconds and never goes back. Without `is_fifo` groups are ignored."""

    def __init__(self, *, is_fifo: bool) -> None:
        self.is_fifo = is_fifo
        self._held: dict[int, HeldMessage[Body]] = {}
        self._lines: dict[str, _Line] = {}
        self._heads: list[tuple[int, str]] = []
        self._delays: list[tuple[float, int]] = []
        self._flights: list[tuple[float, int, int]] = []
        self._moved: list[tuple[float, int]] = []
        self._number = 0
        self._receipt = 0
        self._in_flight = 0
        self._delayed = 0

    def __len__(self) -> int:
        return len(self._held)

    def send(
        self, body: Body, *, now: float, group: str = "", delay: float = 0.0, origin: float | None = None
    ) -> HeldMessage[Body]:
        """Add a message at the end of its group; it can be received `delay` seconds from `now`.

        `origin` is when it was first sent, if another queue held it before and its retention goes on from there.
        """
        self._number += 1
        held = HeldMessage(
            number=self._number,
            body=body,
            group=group if self.is_fifo else "",
            sent_at=now,
            origin=now if origin is None else origin,
        )
        self._held[held.number] = held
        if held.origin < held.sent_at:
            self._remember_moved(held)
        if delay > 0:
            held.is_delayed = True
            self._delayed += 1
            heappush(self._delays, (now + delay, held.number))
        if self.is_fifo or not held.is_delayed:
            line = self._line_up(held)
            if line.waiting[0] == held.number:
                self._offer(held.group)
        return held

    def receive(
        self, *, now: float, count: int, visibility: float, max_receives: int | None = None
    ) -> tuple[list[HeldMessage[Body]], list[HeldMessage[Body]]]:
        """Up to `count` messages in the order sent, in flight for `visibility` seconds from now on, and the dead.

        The dead are those that were delivered `max_receives` times already; they are not held any more.
        """
        self._settle(now)
        delivered: list[HeldMessage[Body]] = []
        dead: list[HeldMessage[Body]] = []
        mine: set[str] = set()
        count = min(count, IN_FLIGHT_LIMIT - self._in_flight)
        while self._heads and len(delivered) < count:
            number, group = heappop(self._heads)
            if not self._is_open(number, group, mine):
                continue
            held = self._held[number]
            heappop(self._lines[group].waiting)
            if max_receives is not None and held.receives >= max_receives:
                del self._held[number]
                dead.append(held)
            else:
                self._deliver(held, until=now + visibility)
                delivered.append(held)
                mine.add(group)
            self._tidy(group)
        return delivered, dead

    def delete(self, number: int, receipt: int, *, now: float) -> None:
        """Delete a delivered message; twice is fine. On a FIFO queue a delivery that is over can delete no more."""
        held = self._of(number, receipt)
        self._settle(now)
        if held is None:
            return
        if self.is_fifo and (held.visible_at is None or held.receipt != receipt):
            raise ReceiptExpired
        self._remove(held)

    def set_visibility(self, number: int, receipt: int, *, now: float, seconds: float) -> bool:
        """Let the delivery end `seconds` from `now`; False when the message is not in flight (any more)."""
        held = self._of(number, receipt)
        self._settle(now)
        if held is None or held.visible_at is None or held.receipt != receipt:
            return False
        held.visible_at = now + seconds
        heappush(self._flights, (held.visible_at, number, receipt))
        self._settle(now)
        return True

    def give_back(self, number: int, receipt: int, *, now: float) -> None:
        """Undo a delivery that nobody looked at: visible at once, and not counted among the receives."""
        if self.set_visibility(number, receipt, now=now, seconds=0.0):
            self._held[number].receives -= 1

    def expire(self, *, now: float, retention: float) -> int:
        """Drop what was first sent `retention` seconds ago or longer; how many that were."""
        dropped = 0
        while self._moved and now - self._moved[0][0] >= retention:
            moved = self._held.get(heappop(self._moved)[1])
            if moved is not None:
                self._remove(moved)
                dropped += 1
        while self._held:
            oldest = next(iter(self._held.values()))
            if now - oldest.sent_at < retention:
                break
            self._remove(oldest)
            dropped += 1
        return dropped

    def purge(self) -> None:
        """Drop every message; receipts given so far stay known."""
        for store in (self._held, self._lines, self._heads, self._delays, self._flights, self._moved):
            store.clear()
        self._in_flight = self._delayed = 0

    def counts(self, *, now: float) -> Counts:
        self._settle(now)
        return Counts(len(self._held) - self._in_flight - self._delayed, self._in_flight, self._delayed)

    @property
    def is_full(self) -> bool:
        """Whether as many are in flight as may be, as of the last look at the time."""
        return self._in_flight >= IN_FLIGHT_LIMIT

    def oldest_sent_at(self) -> float | None:
        """When the oldest message held was sent to this queue, which may be after its origin."""
        return next(iter(self._held.values())).sent_at if self._held else None

    def is_deliverable(self, *, now: float) -> bool:
        """Whether `receive` would give anything."""
        self._settle(now)
        while self._heads and not self.is_full:
            if self._is_open(*self._heads[0], set()):
                return True
            heappop(self._heads)
        return False

    def next_change_at(self) -> float | None:
        """When, at the earliest, time alone makes a message deliverable; None: never. May be early, is never late."""
        ends = [heap[0][0] for heap in (self._delays, self._flights) if heap]
        return min(ends, default=None)

    def first(self, *, now: float) -> HeldMessage[Body] | None:
        """What would be received next, left where it is."""
        return self._held[self._heads[0][0]] if self.is_deliverable(now=now) else None

    def take_out(self, *, now: float) -> HeldMessage[Body] | None:
        """What would be received next, which is not held any more then."""
        held = self.first(now=now)
        if held is not None:
            self._remove(held)
        return held

    def held(self, number: int) -> HeldMessage[Body] | None:
        """The message of that number; None when it is gone."""
        return self._held.get(number)

    def _remember_moved(self, held: HeldMessage[Body]) -> None:
        """For `expire`; what has left since is dropped as often as it is the greater part."""
        if len(self._moved) > 2 * len(self._held):
            self._moved = [each for each in self._moved if each[1] in self._held]
            heapify(self._moved)
        heappush(self._moved, (held.origin, held.number))

    def _of(self, number: int, receipt: int) -> HeldMessage[Body] | None:
        """The message of a delivery; None when it is gone."""
        if not (0 < number <= self._number and 0 < receipt <= self._receipt):
            raise ReceiptUnknown
        return self._held.get(number)

    def _settle(self, now: float) -> None:
        """Let come true what time has brought: delays that are over, deliveries that ended."""
        while self._delays and self._delays[0][0] <= now:
            held = self._held.get(heappop(self._delays)[1])
            if held is None:
                continue
            held.is_delayed = False
            self._delayed -= 1
            if not self.is_fifo:
                self._line_up(held)
            self._offer(held.group)
        while self._flights and self._flights[0][0] <= now:
            visible_at, number, receipt = heappop(self._flights)
            held = self._held.get(number)
            if held is not None and held.receipt == receipt and held.visible_at == visible_at:
                self._land(held)
                self._line_up(held)
                self._offer(held.group)

    def _deliver(self, held: HeldMessage[Body], *, until: float) -> None:
        self._receipt += 1
        held.receives += 1
        held.receipt = self._receipt
        held.visible_at = until
        self._in_flight += 1
        self._lines[held.group].in_flight += 1
        heappush(self._flights, (until, held.number, held.receipt))

    def _land(self, held: HeldMessage[Body]) -> None:
        held.visible_at = None
        self._in_flight -= 1
        self._lines[held.group].in_flight -= 1

    def _line_up(self, held: HeldMessage[Body]) -> _Line:
        line = self._lines.setdefault(held.group, _Line())
        heappush(line.waiting, held.number)
        return line

    def _remove(self, held: HeldMessage[Body]) -> None:
        del self._held[held.number]
        if held.is_delayed:
            self._delayed -= 1
        if held.visible_at is not None:
            self._land(held)
        self._tidy(held.group)

    def _tidy(self, group: str) -> None:
        """Offer what is now first in a group; forget a group that has nothing left."""
        line = self._lines.get(group)
        if line is None:
            return
        self._offer(group)
        if not line.waiting and not line.in_flight:
            del self._lines[group]

    def _offer(self, group: str) -> None:
        line = self._lines[group]
        while line.waiting and line.waiting[0] not in self._held:
            heappop(line.waiting)
        if line.waiting and not self._held[line.waiting[0]].is_delayed:
            heappush(self._heads, (line.waiting[0], group))

    def _is_open(self, number: int, group: str, mine: set[str]) -> bool:
        """Whether an offer still stands: first of its group, and that not locked by another receive."""
        line = self._lines.get(group)
        if line is None or not line.waiting or line.waiting[0] != number or number not in self._held:
            return False
        return not self.is_fifo or not line.in_flight or group in mine
