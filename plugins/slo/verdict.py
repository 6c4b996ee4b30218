"""The three verdicts and how they combine."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a run says about its claim. INCONCLUSIVE never counts as a pass: it proves nothing either way."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @classmethod
    def all_of(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """One failure fails the whole; else one doubt leaves it in doubt; nothing judged is in doubt too."""
        seen = set(verdicts)
        if cls.FAIL in seen:
            return cls.FAIL
        return cls.PASS if seen == {cls.PASS} else cls.INCONCLUSIVE
