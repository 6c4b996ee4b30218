"""When a CronJob is due: the five fields of cron, or a name for them. Pure.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

import calendar
import datetime as dt
import zoneinfo
from dataclasses import dataclass

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name.lower(): (number + 1) % 7 for number, name in enumerate(calendar.day_abbr)}
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FARTHEST = dt.timedelta(days=366 * 5)
_MINUTE = dt.timedelta(minutes=1)


class Unreadable(ValueError):
    """The schedule makes no sense; the text says which part."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes, hours, days of the month, months and days of the week (Sunday is 0) that are due, in a time zone."""

    fields: tuple[frozenset[int], ...]
    any_day: bool
    any_weekday: bool
    zone: dt.tzinfo

    @classmethod
    def of(cls, text: str, zone: str = "") -> "Schedule":
        parts = _NAMED.get(text, text).split()
        if len(parts) != len(_BOUNDS):
            raise Unreadable(f"expected exactly 5 fields, found {len(parts)}: {parts}")
        try:
            place: dt.tzinfo = zoneinfo.ZoneInfo(zone) if zone else dt.UTC
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as problem:
            raise Unreadable(f"unknown time zone {zone}") from problem
        found = [_field(part, *bounds) for part, bounds in zip(parts, _BOUNDS, strict=True)]
        found[4] = frozenset(day % 7 for day in found[4])
        return cls(tuple(found), parts[2].startswith("*"), parts[4].startswith("*"), place)

    def after(self, at: float) -> float | None:
        """The first moment later than `at`, in Unix seconds; None when none comes within five years."""
        moment = dt.datetime.fromtimestamp(at, self.zone).replace(second=0, microsecond=0) + _MINUTE
        last = moment + _FARTHEST
        while moment < last:
            if not self._is_day(moment):
                moment = (moment + dt.timedelta(days=1)).replace(hour=0, minute=0)
            elif moment.hour not in self.fields[1]:
                moment = moment.replace(minute=0) + dt.timedelta(hours=1)
            elif moment.minute not in self.fields[0]:
                moment += _MINUTE
            else:
                return moment.timestamp()
        return None

    def _is_day(self, moment: dt.datetime) -> bool:
        """Where both kinds of days are given, either will do."""
        if moment.month not in self.fields[3]:
            return False
        of_month = moment.day in self.fields[2]
        of_week = moment.isoweekday() % 7 in self.fields[4]
        return (of_month and of_week) if self.any_day or self.any_weekday else (of_month or of_week)


def _field(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first in ("*", "?") else _number(first, part)
        end = _number(last, part) if dash else (high if first in ("*", "?") or step else begin)
        if not low <= begin <= end <= high or (step and not step.isdecimal()) or step == "0":
            raise Unreadable(f"{part} is not within {low} and {high}")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, part: str) -> int:
    known = {**_MONTHS, **_DAYS}.get(text.lower())
    if known is not None:
        return known
    if not text.isdecimal():
        raise Unreadable(f"failed to parse int from {part}")
    return int(text)
