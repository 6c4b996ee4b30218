"""Members are asked for their numbers side by side, each for a bounded time, and one question at a time."""

import asyncio
import logging
from collections.abc import Iterable

import pytest

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import fresh_backends
from infrastructure.embedded.tests.passes import measure

pytestmark = pytest.mark.anyio


class Asked:
    """Two members, `a` and `b`; what is asked of them is answered as `answers` says, or never."""

    def __init__(self, **answers: float | Exception | None) -> None:
        self.metrics = Metrics(fresh_backends(), FAST)
        self.answers = answers
        self.missed: list[str] = []
        self.questions = 0
        self.asking = Asking(self.metrics, "the members", lambda: self.answers, self._ask, self.missed.append)

    async def _ask(self, member: str, elapsed_s: float) -> Iterable[Datum]:
        self.questions += 1
        answer = self.answers[member]
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        value = (answer or 0.0) * elapsed_s
        return [Datum(namespace="N", name="M", value=value, unit="Count", dimensions={"Member": member})]

    def filed(self, member: str) -> list[tuple[float, float]]:
        """(time, total) of what there is of a member."""
        found = self.metrics.store.query(Key.of("N", "M", {"Member": member}), 0.0, 1e12, 1.0)
        return [(at, bucket.total) for at, bucket in found]


async def test_answers_are_filed_under_the_period_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.02)
    asked = Asked(a=1.0, b=2.0)
    await measure(asked.metrics, asked.asking)
    assert (asked.filed("a"), asked.filed("b")) == ([(999.0, 1.0)], [(999.0, 2.0)])


@pytest.mark.parametrize("problem", [None, ConnectionError("gone"), TimeoutError()], ids=["silent", "gone", "late"])
async def test_one_that_does_not_answer_keeps_no_other_from_it(problem: Exception | None) -> None:
    asked = Asked(a=problem, b=2.0)
    asked.asking.within_s = 0.01
    await measure(asked.metrics, asked.asking)
    assert (asked.filed("a"), len(asked.filed("b")), asked.missed) == ([], 1, ["a"])


async def test_a_defect_is_told_and_keeps_no_other_from_its_numbers(caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(a=RuntimeError("a defect"), b=2.0)
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="a defect"):
        await measure(asked.metrics, asked.asking)
    assert (len(asked.filed("b")), asked.missed) == (1, [])
    await asyncio.sleep(0)
    assert "a look at the metrics of the members failed inside" in caplog.text


async def test_nobody_is_asked_again_while_a_question_is_open() -> None:
    asked = Asked(a=None)
    for _ in range(3):
        asked.metrics.collect(1.0, 0.0)
        await asyncio.sleep(0.001)
    assert asked.questions == 1
    await asked.asking.close()
    await asked.asking.close()
