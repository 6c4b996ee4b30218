"""What a module's template describes is there, or the record says what is not, and in one sentence how much."""

from typing import Any

import pytest

from infrastructure import validation
from infrastructure.validation import Check
from plugins.environment import claims
from plugins.slo import Verdict


@pytest.mark.parametrize(
    ("problems", "verdict", "sentence"),
    [
        ((None, None), Verdict.PASS, "none of 2 checks failed"),
        ((None, "no tag"), Verdict.FAIL, "1 of 2 checks failed"),
    ],
    ids=["all there", "one is not"],
)
def test_a_module_is_judged_by_its_checks(
    problems: tuple[str | None, ...], verdict: Verdict, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(number: int, problem: str | None) -> Check:
        return Check(module="networking", name=f"check {number}", problem=lambda _platform: problem)

    checks = [check(number, problem) for number, problem in enumerate(problems)]
    monkeypatch.setattr(validation, "of", lambda _module: checks)
    nobody: Any = None
    record = claims.check(nobody, "networking")
    assert (record.verdict, str(record.impact)) == (verdict, sentence)
    assert record.reasons == tuple(f"check {n}: {problem}" for n, problem in enumerate(problems) if problem)
