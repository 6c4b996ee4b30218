"""How a verdict ends the test that was judged: the one place that says it to pytest."""

import pytest

from plugins.environment.outcome import Inconclusive
from plugins.slo import Verdict


def conclude(verdict: Verdict, told: str) -> None:
    """Return for PASS; else end the test as failed, or as `Inconclusive`, with `told` and no traceback of ours."""
    if verdict is Verdict.INCONCLUSIVE:
        raise Inconclusive(told)
    if verdict is Verdict.FAIL:
        pytest.fail(told, pytrace=False)
