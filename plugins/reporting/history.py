"""The file a nightly run appends to, one JSON line per record, and the trend drawn from it."""

import json
from pathlib import Path

from plugins.reporting.archive import SummaryRow
from plugins.reporting.chart import draw
from plugins.telemetry import Series, Timeline

KEEP = 2000
"""Lines kept in the file: some years of nightly runs; the oldest are dropped."""


def append(rows: tuple[SummaryRow, ...], file: Path) -> None:
    """Add `rows` to the history. A torn last line (a run killed while writing) is dropped, not fatal."""
    lines = _lines(file)
    for row in rows:
        metrics = {name: [value, unit] for name, value, unit in row.metrics}
        entry = {"at": row.started, "run": f"{row.kind} {row.name}", "verdict": row.verdict.value, "metrics": metrics}
        lines.append(json.dumps(entry))
    temporary = file.with_suffix(".tmp")
    temporary.write_text("\n".join(lines[-KEEP:]) + "\n", encoding="utf-8")
    temporary.replace(file)


def trend(file: Path) -> str:
    """The history as an SVG chart: every metric of every run over time."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for line in _lines(file):
        entry = json.loads(line)
        for name, (value, unit) in entry["metrics"].items():
            points.setdefault((f"{entry['run']} {name}", unit), []).append((entry["at"], value))
    series = tuple(Series(name=name, unit=unit, points=tuple(p)) for (name, unit), p in points.items() if len(p) > 1)
    return draw(Timeline(series=series), "Trend over the recorded runs")


def check(file: Path) -> None:
    """`ValueError` names the first line that is no recorded run: the file is somebody's, not a history."""
    _lines(file)


def _lines(file: Path) -> list[str]:
    """The whole lines; a torn last one is left out, any other bad one is a `ValueError` with its number."""
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")
    torn = lines.pop()  # what stands behind the last newline
    for number, line in enumerate(lines, 1):
        if not _is_run(line):
            raise ValueError(f"line {number} of {file} is no recorded run")
    return [line.decode() for line in (*lines, torn) if _is_run(line)]


def _is_run(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and {"at", "run", "verdict", "metrics"} <= entry.keys()
