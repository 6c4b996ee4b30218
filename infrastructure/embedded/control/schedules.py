"""When a schedule is due: cron expressions of Unix and of AWS, rates and moments. Pure: from one moment to the next.

    Unix  minute hour day-of-month month day-of-week              (Auto Scaling groups, CronJobs)
    AWS   cron(minute hour day-of-month month day-of-week year)   rate(5 minutes)   at(2026-11-28T10:00:00)
Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html and
https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = dict(zip("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), range(1, 13), strict=True))  # noqa: SIM905 - readable
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_FAR_DAYS = 9 * 366
"""A 29th of February may be eight years away; what is further is never."""
_PART = re.compile(r"(\*|\?|\w+(?:-\w+)?)(?:/(\d+))?")


class Schedule(Protocol):
    """Says when it is due."""

    def following(self, after: float) -> float | None:
        """The first time later than `after` (Unix seconds); None when there is none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """Once."""

    at: float

    def following(self, after: float) -> float | None:
        return self.at if self.at > after else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Again and again, `every_s` seconds after the last time, from `since` on."""

    every_s: float
    since: float

    def following(self, after: float) -> float | None:
        return self.since + max((after - self.since) // self.every_s + 1, 1) * self.every_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """At every full minute whose parts are all named. A day counts by its date or by its weekday (0 is Sunday).

    `is_either`: where neither begins with a star, one of them suffices, as in Unix's cron (crontab(5)).
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int] | None
    zone: tzinfo
    is_either: bool = False

    def following(self, after: float) -> float | None:
        moment = datetime.fromtimestamp(after, self.zone)
        for ahead in range(_FAR_DAYS):
            day = moment.date() + timedelta(days=ahead)
            found = self._moments(day, moment.hour if ahead == 0 else 0) if self._is_named(day) else ()
            due = next((each for each in found if each > after), None)
            if due is not None:
                return due
        return None

    def _moments(self, day: date, first_hour: int) -> Iterator[float]:
        """Those of a day, in their order, from an hour on; without those that a change of clocks leaves out."""
        for hour in sorted(each for each in self.hours if each >= first_hour):
            for minute in sorted(self.minutes):
                if (at := self._at(day, hour, minute)) is not None:
                    yield at

    def _is_named(self, day: date) -> bool:
        if day.month not in self.months or (self.years is not None and day.year not in self.years):
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.is_either else by_date and by_weekday

    def _at(self, day: date, hour: int, minute: int) -> float | None:
        """None for a time that a change of clocks leaves out."""
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
        return local.timestamp() if local.astimezone(UTC).astimezone(self.zone) == local and _is_real(local) else None


def _is_real(local: datetime) -> bool:
    again = datetime.fromtimestamp(local.timestamp(), local.tzinfo)
    return (again.hour, again.minute) == (local.hour, local.minute)


def unix_seconds(moment: Any) -> float | None:
    """Of a time as an API was given it: Unix seconds, a time, or its text; UTC where it names no zone."""
    if not moment:
        return None
    if isinstance(moment, int | float):
        return float(moment)
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return float((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; `ValueError` for one that nobody knows."""
    if name in ("UTC", "Etc/UTC"):
        return UTC  # known everywhere, while others need the system's tables
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"{name!r} is not a time zone") from unknown


def unix(text: str, zone: tzinfo) -> Cron:
    """The schedule of five fields; `ValueError` says which field is wrong."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"a cron expression has 5 fields: minute hour day-of-month month day-of-week, not {text!r}")
    weekdays = frozenset(each % 7 for each in _field("day of week", fields[4], 0, 7, _numbered(_DAYS, 0)))
    is_either = not any(fields[number].startswith(("*", "?")) for number in (2, 4))
    return _cron(fields, weekdays, None, zone, is_either=is_either)


def aws(text: str, zone: tzinfo, since: float) -> Schedule:
    """The schedule of `cron(…)`, `rate(…)` or `at(…)`; `since` is when a rate begins. `ValueError` for what is none."""
    form, _, inside = text.rstrip(")").partition("(")
    if form == "at" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inside):
        return At(at=datetime.fromisoformat(inside).replace(tzinfo=zone).timestamp())
    if form == "rate" and (found := re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", inside)):
        if (int(found[1]) == 1) == bool(found[3]):
            raise ValueError(f"{text!r}: 1 {found[2]}, or several {found[2]}s")
        return Rate(every_s=int(found[1]) * _UNITS[found[2]], since=since)
    fields = inside.split()
    if form != "cron" or len(fields) != 6:
        raise ValueError(
            f"schedule {text!r} is not valid: it is at(yyyy-mm-ddThh:mm:ss), rate(n unit) or cron(6 fields)"
        )
    if [fields[2], fields[4]].count("?") != 1:
        raise ValueError(f"{text!r}: exactly one of day-of-month and day-of-week must be ?")
    weekdays = frozenset(each - 1 for each in _field("day of week", fields[4], 1, 7, _numbered(_DAYS, 1)))
    years = None if fields[5] == "*" else _field("year", fields[5], 1970, 2199, {})
    return _cron(fields, weekdays, years, zone, is_either=False)


def _cron(
    fields: Sequence[str], weekdays: frozenset[int], years: frozenset[int] | None, zone: tzinfo, *, is_either: bool
) -> Cron:
    return Cron(
        minutes=_field("minute", fields[0], 0, 59, {}),
        hours=_field("hour", fields[1], 0, 23, {}),
        days=_field("day of month", fields[2], 1, 31, {}),
        months=_field("month", fields[3], 1, 12, _MONTHS),
        weekdays=weekdays,
        years=years,
        zone=zone,
        is_either=is_either,
    )


def _numbered(names: Sequence[str], first: int) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names, first)}


def _field(what: str, text: str, low: int, high: int, names: Mapping[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.upper().split(","):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise ValueError(f"{what} {text!r} is not valid: numbers, names, *, ranges a-b and steps /n, with commas")
        first, last = _ends(what, matched[1], low, high, names)
        step = int(matched[2] or 1)
        if matched[2] and matched[1] not in ("*", "?") and "-" not in matched[1]:
            last = high  # 5/15 is from 5 on
        if not (low <= first <= last <= high and step > 0):
            raise ValueError(f"{what} {part!r} is not valid: from {low} to {high}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _ends(what: str, text: str, low: int, high: int, names: Mapping[str, int]) -> tuple[int, int]:
    if text in ("*", "?"):
        return low, high
    ends = [names.get(end, int(end) if end.isdigit() else -1) for end in text.split("-")]
    if -1 in ends:
        raise ValueError(f"{what} {text!r} is not valid")
    return ends[0], ends[-1]
