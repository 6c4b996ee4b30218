"""What happened in an experiment, as facts: written by the state machine, read by the judge."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from plugins.chaos.fault import Json, Plan
from plugins.chaos.stop import Stop
from plugins.telemetry.timeline import Span


class Phase(StrEnum):
    """The states of an experiment, in their order."""

    PREFLIGHT = "preflight"
    BASELINE = "baseline"
    INJECT = "inject"
    OBSERVE = "observe"
    ROLLBACK = "rollback"
    RECOVERY = "recovery"
    JUDGED = "judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Was it taken back? `error` where rollback or the look afterwards failed."""

    before: Mapping[str, Json]
    after: Mapping[str, Json] | None = None
    error: str | None = None

    @property
    def is_proven(self) -> bool:
        """Is the touched state what it was? Compared as JSON: a tuple that went through the journal is a list."""
        return self.error is None and self.after is not None and _text(self.before) == _text(self.after)

    def __str__(self) -> str:
        if self.error is not None:
            return f"rollback failed: {self.error}"
        if self.is_proven:
            return f"the touched state is as before: {_text(self.before)}"
        return f"before {_text(self.before)}, after {_text(self.after)}"


@dataclass(slots=True, kw_only=True)
class Trace:
    """The facts of one experiment. Times in Unix seconds; a phase that was never entered has no span."""

    spans: list[Span] = field(default_factory=list)
    plan: Plan | None = None
    injection_s: float | None = None
    """How long the fault took to inject, for what is not done with a call: a drain."""
    undo: Undo | None = None
    symptom: str | None = None
    symptom_at: float | None = None
    stop: Stop | None = None
    crashes: list[str] = field(default_factory=list)

    def span(self, phase: Phase) -> Span | None:
        return next((span for span in self.spans if span.name == phase), None)

    @property
    def is_interrupted(self) -> bool:
        return self.stop is not None and self.stop.is_interrupt

    @property
    def has_injected(self) -> bool:
        return self.span(Phase.OBSERVE) is not None


def _text(value: Mapping[str, Json] | None) -> str:
    return json.dumps(value, sort_keys=True)
