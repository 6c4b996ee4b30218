"""The log lines of an order, from every process that had to do with it: tasks and sandboxes alike."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from plugins.books.report import BooksReport

LINES = 40
"""Log lines of an order that are shown; the first ones, where it began to go wrong."""

_NAMED = re.compile(rb'"(?:correlation_id|order_id)":\s*"([^"]+)"')
"""How a structured line names whom it is about (`services.chassis.log`)."""

_HEAD = ("at", "level", "message")
_CONSTANT = frozenset((*_HEAD, "logger", "service", "task", "correlation_id"))


def with_logs(report: BooksReport, folder: Path) -> BooksReport:
    """The report with each page's log lines, oldest first, found by order id and correlation ids in `folder`'s logs.

    One pass over all logs, however many orders are shown. Without a folder, as on AWS, the report stays as it is. A log
    that cannot be read is noted: what the books found stands without it.
    """
    wanted = {one: number for number, page in enumerate(report.pages) for one in page.ids}
    if not wanted or not folder.is_dir():
        return report
    found: dict[int, list[str]] = {}
    notes: list[str] = []
    for log in sorted(folder.glob("*.log")):
        try:
            for number, line in _lines_about(log, wanted):
                found.setdefault(number, []).append(line)
        except OSError as error:
            notes.append(f"the log {log.name} could not be read: {error.strerror}")
    pages = (replace(page, log=_first(found.get(number, ()))) for number, page in enumerate(report.pages))
    return replace(report, pages=tuple(pages), notes=(*report.notes, *notes))


def _lines_about(log: Path, wanted: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """(page, line) of every line that names somebody wanted; a line about two orders comes twice."""
    with log.open("rb") as lines:
        for line in lines:
            named = {wanted.get(name.decode(errors="replace")) for name in _NAMED.findall(line)}
            for number in named:
                if number is not None:
                    yield number, _readable(log.stem, line.decode(errors="replace").strip())


def _readable(process: str, line: str) -> str:
    """When, who, what, and every field that is not the same in all of a process's lines."""
    try:
        fields = json.loads(line)
        head = " ".join(str(fields[name]) for name in _HEAD)
    except (ValueError, TypeError, KeyError):
        return f"{process}: {line}"  # cut off, or not written by the chassis
    at, _, rest = head.partition(" ")
    more = "".join(f" {name}={value}" for name, value in fields.items() if name not in _CONSTANT)
    return f"{at} {process}: {rest}{more}".replace("\n", " | ")


def _first(lines: Iterable[str]) -> tuple[str, ...]:
    """By time, which each line of ours begins with."""
    ordered = sorted(lines)
    hidden = len(ordered) - LINES
    return (*ordered[:LINES], *([f"and {hidden} more lines"] if hidden > 0 else []))
