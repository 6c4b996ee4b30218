"""Keeps the records of one run on disk, so that xdist workers and the summary see the same results.

reports/<run>/records/<kind>-<name>.json   one per record, written to a temporary name and renamed
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from plugins.reporting.record import RunRecord
from plugins.reporting.redact import redact
from plugins.slo import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """What the summary needs of a record."""

    kind: str
    name: str
    title: str
    verdict: Verdict
    reasons: tuple[str, ...]
    started: float
    duration_s: float
    impact: str
    """The sentence: who felt it, when it was good again, what was lost."""
    objectives: tuple[str, ...]
    metrics: tuple[tuple[str, float, str], ...]


def slug(record: RunRecord) -> str:
    """A file name for the record: its kind and name, nothing but letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{record.kind}-{record.name}".lower()).strip("-")


def save(record: RunRecord, folder: Path) -> Path:
    """Write `record` into `folder` and return its file. Attachments stay out: Allure holds them."""
    folder.mkdir(parents=True, exist_ok=True)
    row = {
        "kind": record.kind,
        "name": record.name,
        "title": record.title,
        "verdict": record.verdict.value,
        "reasons": record.reasons,
        "started": record.started,
        "duration_s": record.ended - record.started,
        "impact": str(record.impact),
        "objectives": [f"{slo.name}: {result}" for slo in record.slos for result in slo.results],
        "metrics": record.metrics,
        "steps": [asdict(step) for step in record.steps],
    }
    path = folder / f"{slug(record)}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(_redacted(row), indent=1), encoding="utf-8")
    temporary.replace(path)
    return path


def _redacted(value: object) -> object:
    """Every text in `value` without secrets: before it is encoded, since JSON's escapes would hide or break them."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(each) for each in value]
    return value


def load(folder: Path) -> tuple[SummaryRow, ...]:
    """Every record in `folder`, in the order they started."""
    rows = [_row(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    return tuple(sorted(rows, key=lambda row: row.started))


def _row(path: Path) -> SummaryRow:
    raw = json.loads(path.read_text(encoding="utf-8"))
    return SummaryRow(
        kind=raw["kind"],
        name=raw["name"],
        title=raw["title"],
        verdict=Verdict(raw["verdict"]),
        reasons=tuple(raw["reasons"]),
        started=raw["started"],
        duration_s=raw["duration_s"],
        impact=raw["impact"],
        objectives=tuple(raw["objectives"]),
        metrics=tuple((name, value, unit) for name, value, unit in raw["metrics"]),
    )
