"""When an experiment ends early: at its limits, just before and just beyond them."""

import pytest

from plugins.chaos.stop import AlarmRaised, Deadline, ErrorBudget, Observation, Stop, StopCondition, Tally
from plugins.chaos.trace import Trace, Undo
from plugins.slo import Verdict


def seen(requests: int = 0, errors: int = 0, elapsed_s: float = 0.0, *alarms: str) -> Observation:
    return Observation(elapsed_s=elapsed_s, tally=Tally(requests=requests, errors=errors), alarms=frozenset(alarms))


@pytest.mark.parametrize(
    ("condition", "observation", "verdict"),
    [
        (ErrorBudget(percent=50), seen(99, 99), None),
        (ErrorBudget(percent=50), seen(100, 50), None),
        (ErrorBudget(percent=50), seen(100, 51), Verdict.FAIL),
        (Deadline(seconds=60), seen(elapsed_s=60.0), None),
        (Deadline(seconds=60), seen(elapsed_s=60.1), Verdict.INCONCLUSIVE),
        (AlarmRaised(alarm="a"), seen(0, 0, 0.0, "b"), None),
        (AlarmRaised(alarm="a"), seen(0, 0, 0.0, "a", "b"), Verdict.FAIL),
    ],
    ids=[
        "fewer than a hundred say nothing",
        "all of the budget",
        "more",
        "in time",
        "too late",
        "another alarm",
        "the alarm",
    ],
)
def test_a_condition_holds_to_its_limit(
    condition: StopCondition, observation: Observation, verdict: Verdict | None
) -> None:
    stop = condition.check(observation)
    assert (stop.verdict if stop else None) == verdict
    assert stop is None or not stop.is_interrupt


def test_a_load_that_has_not_begun_has_neither_requests_nor_errors() -> None:
    assert Tally() == Tally(requests=0, errors=0)


@pytest.mark.parametrize("is_interrupt", [False, True])
def test_only_an_interrupt_ends_the_whole_run(is_interrupt: bool) -> None:
    assert Trace(stop=Stop(reason="enough", is_interrupt=is_interrupt)).is_interrupted is is_interrupt
    assert not Trace().is_interrupted


@pytest.mark.parametrize(
    ("undo", "is_proven"),
    [
        (Undo(before={"a": (1,)}, after={"a": [1]}), True),
        (Undo(before={"a": 1}, after={"a": 2}), False),
        (Undo(before={"a": 1}), False),
        (Undo(before={"a": 1}, after={"a": 1}, error="it was not tried"), False),
    ],
    ids=["as before", "a difference", "nobody looked", "an error all the same"],
)
def test_an_undo_is_proven_by_a_look_that_finds_everything_as_before(undo: Undo, is_proven: bool) -> None:
    assert undo.is_proven is is_proven
