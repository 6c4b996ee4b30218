"""Counts what happens while it happens: dictionary increments per event, lines once a second, both cheap.

Runs in the generator's process and knows nothing of gevent. `drain` empties it; where its lines go is a `Sink`'s
affair: a file here, a message to the master in a worker.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from plugins.books.history import Attempt
from plugins.books.history import to_line as history_line
from plugins.load.errors import LoadError
from plugins.load.histogram import Histogram, bucket_of
from plugins.load.samples import Sample, slot_of
from plugins.load.samples import to_line as sample_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What was recorded since the last time: lines of the two files."""

    samples: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


class Sink(Protocol):
    """Keeps lines. Called about once a second and at the end."""

    def write(self, lines: Lines) -> None: ...


def keep(sink: Sink, lines: Lines) -> None:
    """Write `lines`; a `LoadError` says what to mend where that cannot be done."""
    try:
        sink.write(lines)
    except OSError as error:
        raise LoadError(f"what is measured cannot be written: {error}; mend that, and run again") from error


@dataclass(slots=True)
class _Counts:
    """A histogram that is still growing."""

    counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    sum_us: int = 0
    max_us: int = 0

    def add(self, seconds: float) -> None:
        microseconds = max(round(seconds * 1_000_000), 0)
        self.counts[bucket_of(microseconds)] += 1
        self.sum_us += microseconds
        self.max_us = max(self.max_us, microseconds)

    def frozen(self) -> Histogram:
        return Histogram(counts=self.counts, sum_us=self.sum_us, max_us=self.max_us)


@dataclass(slots=True)
class _Tally:
    """One journey in one slot, still growing."""

    due: int = 0
    dropped: int = 0
    retries: int = 0
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    good: _Counts = field(default_factory=_Counts)
    bad: _Counts = field(default_factory=_Counts)
    slip: _Counts = field(default_factory=_Counts)

    def frozen(self, slot: int, journey: str) -> Sample:
        return Sample(
            slot=slot,
            journey=journey,
            due=self.due,
            dropped=self.dropped,
            retries=self.retries,
            errors=self.errors,
            good=self.good.frozen(),
            bad=self.bad.frozen(),
            slip=self.slip.frozen(),
        )


class Recorder:
    """Everything is filed under the slot of the scheduled start (Unix seconds), whenever it happened."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], _Tally] = defaultdict(_Tally)
        self._attempts: list[Attempt] = []

    def dropped(self, journey: str, scheduled: float) -> None:
        """An arrival found `max_in_flight` journeys running."""
        tally = self._of(journey, scheduled)
        tally.due += 1
        tally.dropped += 1

    def started(self, journey: str, scheduled: float, slip_s: float) -> None:
        """A journey started, `slip_s` after it was due."""
        tally = self._of(journey, scheduled)
        tally.due += 1
        tally.slip.add(slip_s)

    def finished(self, journey: str, scheduled: float, latency_s: float, error: str | None, retries: int) -> None:
        """A journey ended, `latency_s` after it was due; `error` is the kind of its failure."""
        tally = self._of(journey, scheduled)
        tally.retries += retries
        if error is None:
            tally.good.add(latency_s)
        else:
            tally.bad.add(latency_s)
            tally.errors[error] += 1

    def ordered(self, attempt: Attempt) -> None:
        """The outcome of an order is settled."""
        self._attempts.append(attempt)

    def drain(self) -> Lines:
        """What was recorded since the last call."""
        tallies, self._tallies = self._tallies, defaultdict(_Tally)
        attempts, self._attempts = self._attempts, []
        return Lines(
            samples=tuple(sample_line(tally.frozen(slot, journey)) for (slot, journey), tally in tallies.items()),
            history=tuple(history_line(attempt) for attempt in attempts),
        )

    def _of(self, journey: str, scheduled: float) -> _Tally:
        return self._tallies[slot_of(scheduled), journey]


class FileSink:
    """Appends to `samples.jsonl` and `history.jsonl` of a folder; a write is in the kernel's hands when it returns.

    One write call for a batch: a SIGKILL of this process loses no batch that was written, and at worst tears its last.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._samples = (folder / "samples.jsonl").open("ab", buffering=0)
        self._history = (folder / "history.jsonl").open("ab", buffering=0)

    def write(self, lines: Lines) -> None:
        _append(self._samples.fileno(), lines.samples)
        _append(self._history.fileno(), lines.history)

    def close(self) -> None:
        self._samples.close()
        self._history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _append(descriptor: int, lines: Sequence[str]) -> None:
    rest = memoryview("".join(f"{line}\n" for line in lines).encode())
    while rest:
        rest = rest[os.write(descriptor, rest) :]
