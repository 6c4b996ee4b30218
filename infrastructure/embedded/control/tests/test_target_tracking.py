"""When target tracking scales, by how much, and when it leaves well alone. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pytest

from infrastructure.embedded.control.target_tracking import Past, Policy, Step, agreed, decide

NOW = 10_000.0
POLICY = Policy(target=70.0, least=2, most=4, out_cooldown_s=5.0, in_cooldown_s=10.0)


def steady(value: float | None) -> list[float | None]:
    return [value] * 15


@pytest.mark.parametrize(
    ("values", "capacity", "expected"),
    [
        pytest.param([95.0] * 3, 2, 3, id="above the target it grows in proportion"),
        pytest.param([140.0] * 3, 2, 4, id="far above it grows at once as far as needed"),
        pytest.param([500.0] * 3, 2, 4, id="never above the maximum"),
        pytest.param([95.0] * 3, 4, None, id="at the maximum it stays"),
        pytest.param([95.0] * 2, 2, None, id="two periods do not suffice"),
        pytest.param([95.0, 69.0, 95.0], 2, None, id="a period below breaks the row"),
        pytest.param([95.0, None, 95.0, 95.0], 2, None, id="a period without data breaks the row"),
        pytest.param(steady(68.0), 3, None, id="between 90 % of the target and the target nothing happens"),
        pytest.param(steady(20.0), 4, 2, id="far below it shrinks in proportion"),
        pytest.param(steady(50.0), 4, 3, id="a little below it shrinks a little"),
        pytest.param(steady(60.0), 3, None, id="it does not shrink what would be too small"),
        pytest.param(steady(0.0), 4, 2, id="never below the minimum"),
        pytest.param([20.0] * 14, 4, None, id="fourteen periods do not suffice to shrink"),
        pytest.param([*steady(20.0), 63.5], 4, None, id="one period above keeps it from shrinking"),
        pytest.param(steady(0.0), 1, None, id="below the minimum it is not shrunk or grown"),
        pytest.param([95.0] * 3, 1, 2, id="below the minimum it grows to the minimum at least"),
        pytest.param([95.0] * 3, 0, 2, id="from nothing it grows to the minimum"),
        pytest.param(steady(None), 2, None, id="without data it stays"),
    ],
)
def test_capacity_follows_the_metric(values: Sequence[float | None], capacity: int, expected: int | None) -> None:
    step = decide(POLICY, values, capacity, Past(), NOW)
    assert (step.capacity if step else None) == expected


@pytest.mark.parametrize(
    ("values", "past", "expected"),
    [
        pytest.param([95.0] * 3, Past(out_at=NOW - 4.9), None, id="no growth while the last one cools down"),
        pytest.param([95.0] * 3, Past(out_at=NOW - 5.0), 4, id="growth after it"),
        pytest.param([95.0] * 3, Past(in_at=NOW), 4, id="growth right after shrinking"),
        pytest.param(steady(10.0), Past(in_at=NOW - 9.9), None, id="no shrinking while the last one cools down"),
        pytest.param(steady(10.0), Past(out_at=NOW - 4.9), None, id="no shrinking while a growth cools down"),
        pytest.param(steady(10.0), Past(in_at=NOW - 10.0, out_at=NOW - 5.0), 2, id="shrinking after both"),
    ],
)
def test_cooldowns_are_kept(values: Sequence[float | None], past: Past, expected: int | None) -> None:
    step = decide(POLICY, values, 3, past, NOW)
    assert (step.capacity if step else None) == expected


@pytest.mark.parametrize(
    ("values", "policy"),
    [
        (steady(0.0), Policy(target=70, least=2, most=4, out_cooldown_s=0, in_cooldown_s=0, is_in_disabled=True)),
        ([99.0] * 3, Policy(target=70, least=2, most=4, out_cooldown_s=0, in_cooldown_s=0, is_out_disabled=True)),
    ],
    ids=["in", "out"],
)
def test_either_direction_can_be_switched_off(values: Sequence[float | None], policy: Policy) -> None:
    assert decide(policy, values, 3, Past(), NOW) is None


def test_a_step_names_its_alarm_and_value() -> None:
    assert decide(POLICY, [90.0, 91.0, 92.0], 2, Past(), NOW) == Step(capacity=3, alarm="AlarmHigh", value=92.0)
    assert Past().out_at == -math.inf


@pytest.mark.parametrize(
    ("steps", "disabled", "expected"),
    [
        pytest.param([("AlarmHigh", 3), None], [False, False], 3, id="one suffices to grow"),
        pytest.param([("AlarmHigh", 3), ("AlarmHigh", 5)], [False, False], 5, id="the one that wants most"),
        pytest.param([("AlarmHigh", 3), ("AlarmLow", 1)], [False, False], 3, id="growing goes first"),
        pytest.param([("AlarmLow", 1), None], [False, False], None, id="one does not suffice to shrink"),
        pytest.param([("AlarmLow", 1), ("AlarmLow", 2)], [False, False], 2, id="the one that wants most stay"),
        pytest.param([("AlarmLow", 1), None], [False, True], 1, id="one that never shrinks is not asked"),
        pytest.param([None], [True], None, id="nobody is asked"),
    ],
)
def test_several_policies_agree_as_on_aws(
    steps: list[tuple[Literal["AlarmHigh", "AlarmLow"], int] | None], disabled: list[bool], expected: int | None
) -> None:
    found = agreed(
        [replace(POLICY, is_in_disabled=each) for each in disabled],
        [None if step is None else Step(capacity=step[1], alarm=step[0], value=1.0) for step in steps],
    )
    assert (found.capacity if found else None) == expected
