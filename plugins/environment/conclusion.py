"""How a verdict ends the test that was judged: the one place that reports it to pytest."""

import pytest

from plugins.environment.outcome import Inconclusive
from plugins.slo import Verdict


def conclude(verdict: Verdict, text: str) -> None:
    """Return for PASS; else end the test as failed, or as `Inconclusive`, with `text` and no traceback of ours."""
    if verdict is Verdict.INCONCLUSIVE:
        raise Inconclusive(text)
    if verdict is Verdict.FAIL:
        pytest.fail(text, pytrace=False)
