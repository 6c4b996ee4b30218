"""A service level objective as data, written the way people write it: `p99 <= 250 ms`, `cpu = 95 % +- 5`.

An objective names an indicator (SLI), a bound and a unit. It judges one number; where that comes from is not its
concern. Indicators are free names. Those that are measured here have their unit in `UNITS`, and an objective in any
other is refused: a value in seconds could not miss a bound of 5000 ms.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from plugins.slo.errors import ClaimError
from plugins.slo.plain import plain
from plugins.slo.verdict import Verdict

Operator = Literal["<=", ">=", "="]

UNITS: Mapping[str, str] = {
    **dict.fromkeys(("p50", "p90", "p95", "p99", "p999", "max", "mean", "slip"), "ms"),
    **dict.fromkeys(("errors", "unclean", "dropped", "cpu", "cold"), "%"),
    **dict.fromkeys(("throughput", "goodput", "offered", "rate"), "/s"),
    **dict.fromkeys(("rto", "stop", "back", "injection"), "s"),
    "rpo": "",
}
"""What indicators are measured in, by the last part of their names: `capture.p99` is in ms as `p99` is."""

_SYMBOLS = {"≤": "<=", "≥": ">=", "±": "+-"}
_FORM = re.compile(
    r"^\s*(?P<indicator>[a-z][a-z0-9_.]*)\s*(?P<operator><=|>=|=)\s*(?P<bound>-?\d+(?:\.\d+)?)"
    r"\s*(?P<unit>%|/s|[a-z]*)\s*(?:\+-\s*(?P<tolerance>\d+(?:\.\d+)?)\s*(?P<of>%?))?\s*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One objective, judged. `value` is None where nothing was measured, or too little to claim it: `doubt` says which.

    A negative `margin` says how far it missed.
    """

    objective: "Objective"
    value: float | None
    verdict: Verdict
    margin: float | None
    doubt: str = "nothing was measured"

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.verdict.upper():12} {self.objective}: {self.doubt}"
        unit, margin = self.objective.unit, self.margin or 0.0
        measured = f"measured {plain(self.value)} {unit}, margin {plain(margin, '+')} {unit}"
        return f"{self.verdict.upper():12} {self.objective}: {measured}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """`indicator operator bound unit`, with a tolerance either side for `=`."""

    indicator: str
    operator: Operator
    bound: float
    unit: str = ""
    tolerance: float = 0.0
    scale: float = 1.0
    """What the bound that is claimed was multiplied by for the environment; `bound` holds the product."""

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """Read `p99 ≤ 250 ms`; `ClaimError` shows the text and the form it should have."""
        plain = text
        for symbol, ascii_form in _SYMBOLS.items():
            plain = plain.replace(symbol, ascii_form)
        match = _FORM.match(plain)
        if match is None:
            raise ClaimError(f"{text!r} is no objective; write 'p99 <= 250 ms', 'errors <= 0.1 %' or 'cpu = 95 % +- 5'")
        _check_units(text, match)
        operator: Operator = "<=" if match["operator"] == "<=" else ">=" if match["operator"] == ">=" else "="
        tolerance = float(match["tolerance"] or 0.0)
        if tolerance and operator != "=":
            raise ClaimError(f"{text!r} gives a tolerance to {operator}; only '=' takes one")
        return cls(
            indicator=match["indicator"],
            operator=operator,
            bound=float(match["bound"]),
            unit=match["unit"],
            tolerance=tolerance,
        )

    def stretched(self, latency_scale: float) -> "Objective":
        """With the bound multiplied where it is a latency, and saying so."""
        if self.unit != "ms":
            return self
        return replace(self, bound=self.bound * latency_scale, scale=self.scale * latency_scale)

    def judge(self, value: float | None) -> Result:
        """Hold `value` (in the objective's own unit) against the bound; nothing, or no number, is inconclusive."""
        if value is None or math.isnan(value):
            return Result(objective=self, value=None, verdict=Verdict.INCONCLUSIVE, margin=None)
        margin = self._margin(value)
        return Result(objective=self, value=value, verdict=Verdict.PASS if margin >= 0 else Verdict.FAIL, margin=margin)

    def _margin(self, value: float) -> float:
        if self.operator == "<=":
            return self.bound - value
        if self.operator == ">=":
            return value - self.bound
        return self.tolerance - abs(value - self.bound)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        tolerance = f" ± {self.tolerance:g}" if self.operator == "=" else ""
        sign = {"<=": "≤", ">=": "≥", "=": "="}[self.operator]
        scale = f" ({self.scale:g} times {plain(self.bound / self.scale)})" if self.scale != 1.0 else ""
        return f"{self.indicator} {sign} {self.bound:g}{unit}{tolerance}{scale}"


def unit_of(indicator: str) -> str | None:
    """What `indicator` is measured in; None for a name that is not ours."""
    return UNITS.get(indicator.rpartition(".")[2])


def _check_units(text: str, match: re.Match[str]) -> None:
    """The bound is in what the indicator is measured in, and the tolerance in the same."""
    known, given = unit_of(match["indicator"]), match["unit"]
    if known is not None and given != known:
        raise ClaimError(
            f"{text!r} is in {given or 'no unit'}; {match['indicator']} is measured in {known or 'no unit'}"
        )
    if match["of"] and given != "%":
        raise ClaimError(f"{text!r} gives its tolerance in %; write it in {given or 'no unit'}, as the bound")
