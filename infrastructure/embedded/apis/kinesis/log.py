"""The records of one shard, in the order they came: found by number and by time without a walk over them.

    Log ─▶ Segment, Segment, … Segment      each a mebibyte; the last one grows, the others are the archive's to keep

A record takes 20 bytes beside itself. AWS keeps a day of them and more, which is too much for memory: `Archive` writes
the oldest segments to files.
"""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple, Protocol

SEGMENT_BYTES = 1 << 20
_HEAD = struct.Struct("<?HI")
"""Of a record: whether it counts as encrypted, and how long its key and its data are."""
_SIZES = struct.Struct("<I")


class Entry(NamedTuple):
    """One record. `number` grows from record to record, with gaps; `at` is when it came, in Unix seconds.

    It is one of whole milliseconds, as callers are told it and ask for it again.
    """

    number: int
    at: float
    key: str
    data: bytes
    is_encrypted: bool = False


def size_of(key: str, data: bytes) -> int:
    """What a record counts for: its data and its key, in bytes."""
    return len(data) + (len(key) if key.isascii() else len(key.encode()))


class Columns:
    """The content of a segment: numbers, times, where each record ends, and their bytes one after another."""

    __slots__ = ("_bytes", "_ends", "numbers", "times")

    def __init__(self, numbers: "array[int]", times: "array[float]", ends: "array[int]", content: bytearray) -> None:
        self.numbers, self.times, self._ends, self._bytes = numbers, times, ends, content

    @classmethod
    def empty(cls) -> "Columns":
        return cls(array("Q"), array("d"), array("I"), bytearray())

    @classmethod
    def of(cls, stored: bytes) -> "Columns":
        """What `stored` gave."""
        [count] = _SIZES.unpack_from(stored)
        found = cls.empty()
        place = _SIZES.size
        for column in (found.numbers, found.times, found._ends):
            column.frombytes(stored[place : place + count * column.itemsize])
            place += count * column.itemsize
        found._bytes += stored[place:]
        return found

    @property
    def stored(self) -> bytes:
        """All of it, for a file."""
        parts = (self.numbers.tobytes(), self.times.tobytes(), self._ends.tobytes(), bytes(self._bytes))
        return b"".join((_SIZES.pack(len(self.numbers)), *parts))

    def append(self, entry: Entry) -> None:
        key = entry.key.encode()
        content = self._bytes
        content += _HEAD.pack(entry.is_encrypted, len(key), len(entry.data))
        content += key
        content += entry.data
        self.numbers.append(entry.number)
        self.times.append(entry.at)
        self._ends.append(len(content))

    def entry(self, place: int) -> Entry:
        content = self._bytes
        start = self._ends[place - 1] if place else 0
        is_encrypted, key_size, data_size = _HEAD.unpack_from(content, start)
        key_at = start + _HEAD.size
        data_at = key_at + key_size
        key = content[key_at:data_at].decode()
        data = bytes(content[data_at : data_at + data_size])
        return Entry(self.numbers[place], self.times[place], key, data, is_encrypted)

    def __len__(self) -> int:
        return len(self.numbers)


class Segment:
    """Some records that follow each other; once full it does not change. `columns` is None while it lies in a file."""

    __slots__ = ("columns", "file", "last", "size", "until")

    def __init__(self) -> None:
        self.columns: Columns | None = Columns.empty()
        self.last, self.until, self.size = 0, 0.0, 0
        self.file = ""

    def append(self, entry: Entry) -> None:
        assert self.columns is not None  # noqa: S101  nobody writes one away that is not full
        self.columns.append(entry)
        self.last, self.until = entry.number, entry.at
        self.size += len(entry.data) + len(entry.key) + _HEAD.size + 20


class Keeper(Protocol):
    """Where full segments are."""

    def keep(self, segment: Segment) -> None: ...

    def drop(self, segment: Segment) -> None: ...

    def columns(self, segment: Segment) -> Columns:
        """Its content, from memory or its file."""
        ...


class Log:
    """All records of a shard that are still kept."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._segments: list[Segment] = []
        self.last = 0
        self.last_at = 0.0

    def append(self, entry: Entry) -> None:
        """`entry` has a higher number, and no earlier time, than all before."""
        if not self._segments or self._segments[-1].size >= SEGMENT_BYTES:
            if self._segments:
                self._keeper.keep(self._segments[-1])
            self._segments.append(Segment())
        self._segments[-1].append(entry)
        self.last, self.last_at = entry.number, entry.at

    def trim(self, before: float) -> None:
        """Forget the segments of which every record came before that moment."""
        gone = bisect_left(self._segments, before, key=lambda segment: segment.until)
        for segment in self._segments[:gone]:
            self._keeper.drop(segment)
        del self._segments[:gone]

    def clear(self) -> None:
        self.trim(float("inf"))

    def after(self, number: int, since: float) -> Iterator[Entry]:
        """The records with a higher number that did not come before `since`."""
        first = bisect_right(self._segments, number, key=lambda segment: segment.last)
        for segment in self._segments[first:]:
            if segment.until >= since:
                columns = self._keeper.columns(segment)
                place = max(bisect_right(columns.numbers, number), bisect_left(columns.times, since))
                for each in range(place, len(columns)):
                    yield columns.entry(each)

    def number_before(self, moment: float) -> int:
        """After which number those records follow that came at `moment` or later."""
        moment = round(moment, 3)
        first = bisect_left(self._segments, moment, key=lambda segment: segment.until)
        if first == len(self._segments):
            return self.last
        columns = self._keeper.columns(self._segments[first])
        return columns.numbers[bisect_left(columns.times, moment)] - 1
