"""A plan crosses into another process unchanged."""

from pathlib import Path

import pytest

from plugins.load.arrivals import Constant, Poisson
from plugins.load.plan import Assignment, LoadPlan, of_json, to_json
from plugins.load.retry import Retry

STEADY = Constant(per_s=10, duration_s=60)


@pytest.mark.parametrize(
    "plan",
    [
        LoadPlan(arrivals=STEADY),
        LoadPlan(
            arrivals=Poisson(around=STEADY, seed=3),
            mix=(("order", 0.8), ("browse", 0.2)),
            duration_s=5.0,
            max_in_flight=7,
            timeout_s=1.5,
            retry=Retry(attempts=4, base_s=0.2, cap_s=1.0),
            seed=9,
        ),
    ],
    ids=["defaults", "everything set"],
)
def test_a_plan_survives_its_way_through_json(plan: LoadPlan) -> None:
    assignment = Assignment(plan=plan, host="http://127.0.0.1:1", folder=Path("/somewhere"))
    assert of_json(to_json(assignment)) == assignment


def test_a_plan_that_says_no_more_places_orders_patiently_and_in_bounds() -> None:
    plan = LoadPlan(arrivals=STEADY)
    assert (plan.shares, plan.max_in_flight, plan.timeout_s, plan.seed) == ((("order", 1.0),), 200, 5.0, 1)
    assert (plan.retry, plan.longest_s) == (None, 10.0)


def test_a_journey_may_take_as_long_as_all_its_tries_and_pauses() -> None:
    assert LoadPlan(arrivals=STEADY, timeout_s=2).longest_s == 4
    assert LoadPlan(arrivals=STEADY, timeout_s=2, retry=Retry(attempts=3, cap_s=1)).longest_s == 14


def test_a_plan_may_end_before_its_arrivals_do() -> None:
    assert LoadPlan(arrivals=STEADY, duration_s=5).length_s == 5
    assert LoadPlan(arrivals=STEADY).length_s == 60
