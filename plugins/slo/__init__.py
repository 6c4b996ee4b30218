"""Objectives, SLOs and verdicts: pure data and arithmetic, no pytest, no clock, no I/O."""

from plugins.slo.errors import ClaimError
from plugins.slo.objective import Objective, Result, unit_of
from plugins.slo.plain import plain
from plugins.slo.quantile import nearest_rank
from plugins.slo.slo import MIN_SAMPLES, Slo, SloReport
from plugins.slo.verdict import Verdict

__all__ = [
    "MIN_SAMPLES",
    "ClaimError",
    "Objective",
    "Result",
    "Slo",
    "SloReport",
    "Verdict",
    "nearest_rank",
    "plain",
    "unit_of",
]
