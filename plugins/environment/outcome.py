"""What a run can end in besides passed and failed, and the exit code it adds up to. Knows no pytest."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from infrastructure.errors import CafeError, ExitCode


class Inconclusive(Exception):
    """Raise it from a test whose claim could not be judged; the text is the reason, most important first.

    pytest shows such a test as `I`, and ends with exit code 7 when nothing failed besides.
    """


class Outcome(StrEnum):
    """How a test ended that did not pass."""

    FAILED = "failed"
    USAGE = "usage"
    ENVIRONMENT = "environment"
    INCONCLUSIVE = "inconclusive"


_PRECEDENCE = (
    (Outcome.FAILED, ExitCode.FAILED),
    (Outcome.USAGE, ExitCode.USAGE),
    (Outcome.ENVIRONMENT, ExitCode.ENVIRONMENT),
    (Outcome.INCONCLUSIVE, ExitCode.INCONCLUSIVE),
)
"""A failure is known to be one whatever else happened; a doubt is reported only when nothing worse was."""


def of(error: BaseException) -> Outcome:
    """Whose fault `error` says it is; what does not say is a failure."""
    if isinstance(error, Inconclusive):
        return Outcome.INCONCLUSIVE
    if isinstance(error, CafeError) and error.exit_code is ExitCode.USAGE:
        return Outcome.USAGE
    if isinstance(error, CafeError) and error.exit_code is ExitCode.ENVIRONMENT:
        return Outcome.ENVIRONMENT
    return Outcome.FAILED


@dataclass(slots=True)
class Tally:
    """How often each outcome came up in a run."""

    counts: Counter[Outcome] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome] += 1

    def exit_code(self) -> ExitCode:
        """The worst of what came up; PASSED when nothing did."""
        for outcome, code in _PRECEDENCE:
            if self.counts[outcome]:
                return code
        return ExitCode.PASSED
