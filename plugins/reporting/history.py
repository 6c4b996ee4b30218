"""The file a nightly run appends to, one JSON line per record, and the trend drawn from it."""

import json
from pathlib import Path

from plugins.reporting.chart import draw
from plugins.reporting.store import SummaryRow
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


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text(encoding="utf-8").splitlines() if _is_whole(line)]


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
