r"""The query language of CloudWatch Logs Insights, as far as it is answered; the rest is refused by name. Pure.

    fields @timestamp, path as p        display p        limit 20        sort @timestamp desc, ms asc
    filter status >= 500 and (path like /orders\/\d+/ or @message like "Traceback") and not ispresent(task)
    stats count(*) as n, avg(ms), max(ms), pct(ms, 99) by status, bin(1m)

Fields of a message that is JSON are found by their paths (`a.b`, `list.0`). Values are text; two that both read as
numbers are compared as such. Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights query syntax".
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.logs.insights.aggregates import AGGREGATES
from infrastructure.embedded.apis.logs.insights.conditions import Row, condition
from infrastructure.embedded.apis.logs.insights.reader import Malformed, NotAnswered, Reader, number

Rows = Sequence[Row]
Command = Callable[[Rows], Rows]
DEFAULT_LIMIT = 10_000
_SHOWN = "@shown"
"""In a row: the fields that it shows."""
_BIN = re.compile(r"(\d+)(ms|s|m|h|d)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a log: `at` in Unix milliseconds."""

    at: int
    message: str
    stream: str
    log: str
    pointer: str


def answered(query: str, events: Iterable[Event], limit: int = DEFAULT_LIMIT) -> Rows:
    """The rows of a query, newest first unless it sorts; `Malformed` or `NotAnswered` if there can be none."""
    commands = compiled(query)
    rows: Rows = sorted((_row(event) for event in events), key=lambda row: row["@timestamp"], reverse=True)
    for command in commands:
        rows = command(rows)
    return rows[:limit]


def compiled(query: str) -> tuple[Command, ...]:
    """The commands of a query, in their order; what is shown is decided last."""
    reader = Reader(query)
    commands = []
    while not reader.is_done:
        if reader.take("|"):
            continue
        name = reader.take(*_COMMANDS)
        if not name:
            raise reader.unexpected()
        commands.append(_COMMANDS[name](reader))
        if not reader.is_done and not reader.is_mark("|"):
            raise reader.unexpected()
    return (*commands, *([] if reader.is_shown else [_showing({"@timestamp": "@timestamp", "@message": "@message"})]))


def timestamp(at_ms: int) -> str:
    """As Insights writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1000:03d}"


def _row(event: Event) -> Row:
    own = {
        "@timestamp": timestamp(event.at),
        "@message": event.message,
        "@logStream": event.stream,
        "@log": event.log,
        "@ptr": event.pointer,
        "@at": str(event.at),
    }
    return {**dict(_paths("", _document(event.message))), **own}


def _document(message: str) -> Any:
    try:
        return json.loads(message) if message.startswith("{") else {}
    except ValueError:
        return {}


def _paths(path: str, value: Any) -> Iterator[tuple[str, str]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value if isinstance(value, str) else json.dumps(value)
        return
    for key, each in items:
        yield from _paths(f"{path}.{key}" if path else str(key), each)


def _fields(reader: Reader) -> Command:
    """Adds to what is shown."""
    return _showing(_named(reader), is_more=True)


def _display(reader: Reader) -> Command:
    """Says what is shown."""
    return _showing(_named(reader))


def _named(reader: Reader) -> Mapping[str, str]:
    """The fields by the names they are shown under."""
    names: dict[str, str] = {}
    while not names or reader.take(","):
        name = reader.field()
        if reader.is_mark("("):
            raise NotAnswered(f"the function {name} in fields")
        names[reader.alias(name)] = name
    reader.is_shown = True
    return names


def _showing(names: Mapping[str, str], *, is_more: bool = False) -> Command:
    def show(row: Row) -> Row:
        before = row.get(_SHOWN, "").split("\n") if is_more and _SHOWN in row else []
        found = {alias: row[name] for alias, name in names.items() if name in row}
        return {**row, **found, _SHOWN: "\n".join((*before, *names))}

    return lambda rows: [show(row) for row in rows]


def visible(row: Row) -> Iterator[tuple[str, str]]:
    """What a row shows, in the order asked for, its pointer last; a field that is not there is left out."""
    yield from ((name, row[name]) for name in row[_SHOWN].split("\n") if name in row)
    if "@ptr" in row:
        yield "@ptr", row["@ptr"]


def _filter(reader: Reader) -> Command:
    holds = condition(reader)
    return lambda rows: [row for row in rows if holds(row)]


def _sort(reader: Reader) -> Command:
    orders: list[tuple[str, bool]] = []
    while True:
        name = reader.field()
        orders.append((name, reader.take("asc", "desc") == "desc"))
        if not reader.take(","):
            break

    def sort(rows: Rows) -> Rows:
        found = list(rows)
        for name, is_down in reversed(orders):
            found.sort(key=lambda row, name=name: _key(row.get(name)), reverse=is_down)  # type: ignore[misc]
        return found

    return sort


def _key(value: str | None) -> tuple[int, float, str]:
    """Nothing, then numbers, then texts."""
    if value is None:
        return 0, 0.0, ""
    found = number(value)
    return (2, 0.0, value) if found is None else (1, found, "")


def _limit(reader: Reader) -> Command:
    text = reader.taken("word")
    if not text.isdecimal() or not 1 <= int(text) <= DEFAULT_LIMIT:
        raise Malformed(f"limit must be from 1 to {DEFAULT_LIMIT}, it is {text}")
    return lambda rows: rows[: int(text)]


def _stats(reader: Reader) -> Command:
    """Groups, in the order in which they first come, each with its figures."""
    figures = [_figure(reader)]
    while reader.take(","):
        figures.append(_figure(reader))
    groups = [_group(reader)] if reader.take("by") else []
    while groups and reader.take(","):
        groups.append(_group(reader))
    reader.is_shown = True

    def count(rows: Rows) -> Rows:
        found: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            found.setdefault(tuple(value(row) for _, value in groups), []).append(row)
        names = [*(name for name, _ in groups), *(name for name, _ in figures)]
        return [
            {
                **dict(zip((name for name, _ in groups), key, strict=True)),
                **{name: value for name, figure in figures if (value := figure(members)) is not None},
                _SHOWN: "\n".join(names),
            }
            for key, members in found.items()
        ]

    return count


def _figure(reader: Reader) -> tuple[str, Callable[[Rows], str | None]]:
    function = reader.taken("word").lower()
    if function not in AGGREGATES:
        raise NotAnswered(f"the function {function} in stats")
    reader.need("(")
    name = "*" if reader.take("*") else reader.field()
    argument = reader.value() if reader.take(",") else ""
    reader.need(")")
    shown = f"{function}({name}{', ' + argument if argument else ''})"
    aggregate = AGGREGATES[function]
    return reader.alias(shown), lambda rows: aggregate(
        [row[name] if name != "*" else "" for row in rows if name == "*" or name in row], argument
    )


def _group(reader: Reader) -> tuple[str, Callable[[Row], str]]:
    name = reader.field()
    if name != "bin":
        return reader.alias(name), lambda row: row.get(name, "")
    reader.need("(")
    length = reader.taken("word")
    reader.need(")")
    found = _BIN.fullmatch(length)
    if not found:
        raise Malformed(f"bin takes a length as 5m, not {length}")
    period = int(found[1]) * _MS[found[2]]
    return reader.alias(f"bin({length})"), lambda row: timestamp(int(row["@at"]) // period * period)


_COMMANDS: Mapping[str, Callable[[Reader], Command]] = {
    "fields": _fields,
    "display": _display,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "stats": _stats,
}
