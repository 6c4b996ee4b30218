"""What a generator counted, in slots of a tenth of a second by scheduled start: the lines it writes and their reader.

A line holds what was added to one slot of one journey since the line before it, so a file is only ever appended to and
the slot is the sum of its lines. A generator that was killed leaves at most its last line torn.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plugins.load.errors import LoadError
from plugins.load.histogram import Histogram

SLOTS_PER_S = 10
"""Resolution of a phase's edge: a sample is in the phase its scheduled start fell into, to a tenth of a second."""

_SLOT_US = 1_000_000 // SLOTS_PER_S
_COUNTS = ("due", "dropped", "retries")
_HISTOGRAMS = ("good", "bad", "slip")


def slot_of(at: float) -> int:
    """The slot that holds the Unix time `at`."""
    return _microseconds(at) // _SLOT_US


def first_slot(at: float) -> int:
    """The first slot that starts at or after `at`; windows [a, b) and [b, c) then share no slot and miss none."""
    return -(-_microseconds(at) // _SLOT_US)


def next_slot(at: float) -> float:
    """The start of the slot after `at`, in Unix seconds. A schedule that begins there has stages whose windows hold all
    of their arrivals and no others.
    """
    return (slot_of(at) + 1) / SLOTS_PER_S


def _microseconds(at: float) -> int:
    """Whole ones: a float of today's Unix time is good for a quarter of one, and must not lose a slot to that."""
    return round(at * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One journey in one slot. `due` = good + bad + dropped + what was never answered.

    `good` holds the latencies of answers as the journey expects them, `bad` those of all others, whose `errors` are
    counted by kind; `slip` how late each journey really started.
    """

    slot: int
    journey: str
    due: int = 0
    dropped: int = 0
    retries: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    good: Histogram = field(default_factory=Histogram)
    bad: Histogram = field(default_factory=Histogram)
    slip: Histogram = field(default_factory=Histogram)


def to_line(sample: Sample) -> str:
    """One JSON line, without its newline."""
    value: dict[str, object] = {"slot": sample.slot, "journey": sample.journey}
    value |= {name: count for name in _COUNTS if (count := getattr(sample, name))}
    if sample.errors:
        value["errors"] = dict(sample.errors)
    for name in _HISTOGRAMS:
        histogram: Histogram = getattr(sample, name)
        if histogram.counts:
            value[name] = {"sum": histogram.sum_us, "max": histogram.max_us, "counts": dict(histogram.counts)}
    return json.dumps(value, separators=(",", ":"))


def of_line(line: str) -> Sample:
    """Read what `to_line` wrote; `ValueError` for anything else."""
    try:
        value = json.loads(line)
        histograms = {name: _histogram(value[name]) for name in _HISTOGRAMS if name in value}
        return Sample(**{**value, **histograms})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{line[:120]!r} is no line of samples: {error}") from error


def read_samples(path: Path) -> tuple[Sample, ...]:
    """Every line of a sample file; a torn last line is left out. `LoadError` names any other that is unreadable."""
    samples = []
    for number, line in complete_lines(path):
        try:
            samples.append(of_line(line))
        except ValueError as error:
            raise LoadError(f"{path}:{number}: {error}") from error
    return tuple(samples)


def complete_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of every line that ends; what follows the last newline was cut off by a kill."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.endswith("\n"):
                yield number, line


def merged(samples: Iterable[Sample]) -> Sample:
    """Several samples as one, with the slot and journey of the first."""
    parts = tuple(samples)
    errors: dict[str, int] = {}
    for part in parts:
        for kind, count in part.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    return Sample(
        slot=parts[0].slot if parts else 0,
        journey=parts[0].journey if parts else "",
        due=sum(part.due for part in parts),
        dropped=sum(part.dropped for part in parts),
        retries=sum(part.retries for part in parts),
        errors=errors,
        good=Histogram.merged(part.good for part in parts),
        bad=Histogram.merged(part.bad for part in parts),
        slip=Histogram.merged(part.slip for part in parts),
    )


def _histogram(value: Mapping[str, object]) -> Histogram:
    counts, total, longest = value["counts"], value["sum"], value["max"]
    if not (isinstance(counts, dict) and isinstance(total, int) and isinstance(longest, int)):
        raise TypeError("a histogram is an object with 'sum', 'max' and 'counts'")
    return Histogram(counts={int(k): int(v) for k, v in counts.items()}, sum_us=total, max_us=longest)
