"""What a run leaves behind, before anybody renders it: Allure, the summary and the history are exporters of this."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from plugins.reporting.impact import Impact
from plugins.slo import SloReport, Verdict
from plugins.telemetry.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One phase of a run as the report shows it; times in Unix seconds, `detail` free text."""

    name: str
    start: float
    end: float
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A text to keep beside the record. `body` must hold no secret; exporters redact known ones as a second defence."""

    name: str
    media_type: Literal["text/plain", "application/json", "image/svg+xml", "text/csv"]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One judged run. `reasons` say why the verdict is not PASS, most important first; `evidence` where to look.

    `impact` is what a reader gets first: who felt it, and when it was good again.
    """

    kind: Literal["stress", "load", "chaos", "infrastructure"]
    name: str
    title: str
    story: str
    verdict: Verdict
    reasons: tuple[str, ...]
    started: float
    ended: float
    impact: Impact = field(default_factory=Impact)
    steps: tuple[Step, ...] = ()
    slos: tuple[SloReport, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    attachments: tuple[Attachment, ...] = ()
    metrics: tuple[tuple[str, float, str], ...] = ()
    """(name, value, unit) for `*-perf.json` and the history."""
    evidence: tuple[Path, ...] = ()
