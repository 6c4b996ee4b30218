"""Draws a timeline as SVG: one panel per unit, every series of that unit in it, the fault shaded.

Hand-written SVG on purpose: four shapes (polyline, circle, rect, text) do not justify a plotting library in every run,
and the file stays readable, scalable and free of scripts.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape

from plugins.slo import plain
from plugins.telemetry import Series, Span, Timeline

_WIDTH, _PANEL, _GAP, _LEFT, _RIGHT, _TOP = 960, 170, 52, 70, 20, 34
_COLOURS = ("#2f6db5", "#c8553d", "#4a9a5d", "#8a5fbf", "#b8892b", "#3a9aa8")
_DAY_S = 86_400
_CLOCK_FROM_S = 7200.0
"""A run of minutes is read from its start on, a trend of months by the calendar."""
_STEPS_S = (1200, 3600, 7200, 21_600, *(days * _DAY_S for days in (1, 2, 7, 14, 28, 91, 182, 364)))
_FAULT, _PHASE = "#f6d5cd", "#eef1f4"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps data to pixels: seconds since the start to x, values from zero to `top` to y."""

    start: float
    end: float
    top: float
    offset: float

    def x(self, at: float) -> float:
        return _LEFT + (at - self.start) / max(self.end - self.start, 1e-9) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return self.offset + _PANEL - min(max(value, 0.0), self.top) / self.top * _PANEL


def draw(timeline: Timeline, title: str) -> str:
    """The chart as an SVG document; a timeline without points says so in its place."""
    panels = _panels(timeline.series)
    start, end = _extent(timeline)
    height = _TOP + max(len(panels), 1) * (_PANEL + _GAP)
    body = [f'<text x="{_LEFT}" y="18" font-size="15" font-weight="600">{escape(title)}</text>']
    if not panels:
        body.append(f'<text x="{_LEFT}" y="60">no data was recorded</text>')
    for index, (unit, series) in enumerate(panels):
        offset = _TOP + index * (_PANEL + _GAP) + 14
        scale = _Scale(start, end, _nice(max(max(s.values) for s in series)), offset)
        body.extend(_panel(scale, unit, series, timeline.spans))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="#1f2933">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(body)}</svg>'
    )


def _panels(series: Iterable[Series]) -> list[tuple[str, list[Series]]]:
    """The series of each unit. What is no number has no place on an axis: it is a gap."""
    by_unit: dict[str, list[Series]] = {}
    for one in series:
        points = tuple((at, value) for at, value in one.points if math.isfinite(value))
        if points:
            by_unit.setdefault(one.unit, []).append(replace(one, points=points))
    return list(by_unit.items())


def _extent(timeline: Timeline) -> tuple[float, float]:
    stamps = [at for one in timeline.series for at, _ in one.points]
    stamps += [at for span in timeline.spans for at in (span.start, span.end)]
    return (min(stamps), max(stamps)) if stamps else (0.0, 1.0)


def _nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten above `value`: an axis people can read."""
    if value < sys.float_info.min:  # nothing, or too little for a power of ten
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value)


def _panel(scale: _Scale, unit: str, series: list[Series], spans: tuple[Span, ...]) -> list[str]:
    parts = [*_shading(scale, spans), *_axes(scale, unit)]
    legend = _LEFT + 130.0
    for index, one in enumerate(series):
        colour = _COLOURS[index % len(_COLOURS)]
        parts.extend(_stroke([(scale.x(at), scale.y(value)) for at, value in run], colour) for run in _runs(one))
        where = f'x="{legend:.0f}" y="{scale.offset - 5:.0f}"'
        parts.append(f'<text {where} fill="{colour}">— {escape(one.name)}</text>')
        legend += 34 + 6.2 * len(one.name)
    return parts


def _runs(series: Series) -> Iterator[list[tuple[float, float]]]:
    """The points in runs without a missing period: a line across an outage would say that all was as before."""
    run: list[tuple[float, float]] = []
    for point in series.points:
        if run and series.period_s and point[0] - run[-1][0] > 1.5 * series.period_s:
            yield run
            run = []
        run.append(point)
    yield run


def _stroke(run: list[tuple[float, float]], colour: str) -> str:
    """A line, or a dot for a point alone, of which a line would show nothing."""
    if len(run) == 1:
        ((x, y),) = run
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="{colour}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _shading(scale: _Scale, spans: tuple[Span, ...]) -> list[str]:
    parts = []
    for index, span in enumerate(spans):
        left, width = scale.x(span.start), max(scale.x(span.end) - scale.x(span.start), 0.0)
        fill = _FAULT if span.is_fault else _PHASE if index % 2 else "white"
        parts.append(
            f'<rect x="{left:.1f}" y="{scale.offset:.0f}" width="{width:.1f}" height="{_PANEL}" fill="{fill}"/>'
        )
        if width >= 7 * len(span.name):
            where = f'x="{left + 4:.1f}" y="{scale.offset + 13:.0f}"'
            parts.append(f'<text {where} fill="#697684">{escape(span.name)}</text>')
    return parts


def _axes(scale: _Scale, unit: str) -> list[str]:
    bottom = scale.offset + _PANEL
    parts = [f'<text x="8" y="{scale.offset - 5:.0f}" font-weight="600">{escape(unit or "value")}</text>']
    for share in (0.0, 0.5, 1.0):
        y = scale.y(share * scale.top)
        ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        parts.append(f'<line {ends} stroke="#c9d1d9" stroke-width="0.6"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{plain(share * scale.top)}</text>')
    for at, label in _ticks(scale.start, scale.end):
        x = scale.x(at)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15:.0f}" text-anchor="middle">{label}</text>')
    return parts


def _ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """At most eleven times with what stands below them: seconds since the start, or UTC's clock, or its days."""
    length = end - start
    if length <= _CLOCK_FROM_S:
        step = _nice(length / 10)
        yield from ((start + n * step, f"{plain(n * step)} s") for n in range(int(length / step) + 1))
        return
    step = next((one for one in _STEPS_S if length / one <= 10), math.ceil(length / 10 / _DAY_S) * _DAY_S)
    form = "%H:%M" if step < _DAY_S else "%Y-%m-%d"
    for n in range(math.ceil(start / step), math.floor(end / step) + 1):
        yield n * step, datetime.fromtimestamp(n * step, UTC).strftime(form)
