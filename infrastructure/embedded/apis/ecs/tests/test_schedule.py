"""The scheduler's decisions, as AWS documents them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.embedded.apis.ecs.schedule import Health, ServiceView, Subnet, TaskView, decide, hold_s

SUBNETS = (Subnet(id="subnet-a", az="a"), Subnet(id="subnet-b", az="b"))
NOW = 1000.0


def task(name: str, health: Health = "healthy", *, az: str = "a", new: bool = True, age: float = 10.0) -> TaskView:
    return TaskView(
        arn=name,
        deployment="new" if new else "old",
        az=az,
        created_at=NOW - age,
        grace_until=NOW - 1.0,
        health=health,
    )


def service(*tasks: TaskView, desired: int = 2, least: int = 100, most: int = 200, held: float = 0.0) -> ServiceView:
    return ServiceView(
        deployment="new",
        desired=desired,
        subnets=SUBNETS,
        tasks=tasks,
        minimum_percent=least,
        maximum_percent=most,
        held_until=held,
    )


@pytest.mark.parametrize(
    ("view", "starts", "stops"),
    [
        pytest.param(service(), ["a", "b"], [], id="an empty service starts its tasks in different zones"),
        pytest.param(service(task("1"), task("2", az="b")), [], [], id="a full service is left alone"),
        pytest.param(service(task("1")), ["b"], [], id="a missing task starts in the empty zone"),
        pytest.param(service(task("1"), task("2", "initial")), [], [], id="a task on its way counts"),
        pytest.param(service(task("1"), task("2"), desired=1), [], ["2"], id="scaling in takes one"),
        pytest.param(
            service(task("1"), task("2", "initial"), desired=1), [], ["2"], id="scaling in prefers what is not ready"
        ),
        pytest.param(
            service(task("1", az="b"), task("2"), task("3", age=1.0)), [], ["3"], id="scaling in takes from the fullest"
        ),
        pytest.param(service(task("1"), task("2"), desired=0), [], ["1", "2"], id="desired 0 stops everything"),
    ],
)
def test_desired_count_is_met(view: ServiceView, starts: list[str], stops: list[str]) -> None:
    decision = decide(view, NOW)
    assert [subnet.az for subnet in decision.starts] == starts
    assert sorted(decision.stops) == stops


@pytest.mark.parametrize(
    ("view", "starts", "stops"),
    [
        pytest.param(
            service(task("o1", new=False), task("o2", new=False)),
            2,
            [],
            id="new ones start beside the healthy old ones",
        ),
        pytest.param(
            service(task("o1", new=False), task("o2", new=False), task("n1", "initial"), task("n2", "initial")),
            0,
            [],
            id="old ones stay until new ones are healthy",
        ),
        pytest.param(
            service(task("o1", new=False), task("o2", new=False), task("n1"), task("n2", "initial")),
            0,
            ["o1"],
            id="each healthy new one lets an old one go",
        ),
        pytest.param(
            service(task("o1", new=False), task("o2", "initial", new=False)),
            2,
            ["o2"],
            id="an unready old one goes at once",
        ),
        pytest.param(
            service(task("o1", new=False), task("o2", new=False), least=50, most=100),
            1,
            ["o1"],
            id="without room above, an old one goes first",
        ),
        pytest.param(
            service(task("o1", new=False), task("o2", new=False), least=0, most=200),
            2,
            ["o1", "o2"],
            id="with no minimum all old ones go at once",
        ),
    ],
)
def test_a_deployment_rolls_within_its_percents(view: ServiceView, starts: int, stops: list[str]) -> None:
    decision = decide(view, NOW)
    assert (len(decision.starts), sorted(decision.stops)) == (starts, stops)


@pytest.mark.parametrize(
    ("view", "starts", "stops"),
    [
        pytest.param(service(task("1"), task("2", "unhealthy")), 1, [], id="its replacement starts first"),
        pytest.param(
            service(task("1"), task("2", "unhealthy"), task("3")), 0, ["2"], id="it stops once others suffice"
        ),
        pytest.param(
            service(task("1"), task("2", "unhealthy"), most=100), 1, ["2"], id="without room above it stops first"
        ),
        pytest.param(
            service(task("1", "unhealthy"), task("2", "unhealthy"), most=100), 1, ["1"], id="one at a time without room"
        ),
    ],
)
def test_an_unhealthy_task_is_replaced(view: ServiceView, starts: int, stops: list[str]) -> None:
    decision = decide(view, NOW)
    assert (len(decision.starts), list(decision.stops)) == (starts, stops)
    assert set(decision.stops) <= set(decision.failing)


def test_a_task_in_its_grace_period_is_not_failing() -> None:
    young = TaskView(arn="1", deployment="new", az="a", created_at=NOW, grace_until=NOW + 5.0, health="unhealthy")
    decision = decide(service(young, desired=1), NOW)
    assert (decision.starts, decision.stops, decision.look_again_at) == ((), (), NOW + 5.0)


def test_a_held_service_starts_nothing_until_its_time_comes() -> None:
    held = service(held=NOW + 3.0)
    assert decide(held, NOW).starts == ()
    assert decide(held, NOW).look_again_at == NOW + 3.0
    assert len(decide(held, NOW + 3.0).starts) == 2


@pytest.mark.parametrize(("failures", "expected"), [(0, 0), (2, 0), (3, 10), (4, 20), (6, 80), (50, 1620)])
def test_each_failure_holds_back_for_twice_as_long(failures: int, expected: float) -> None:
    assert expected == hold_s(failures, 10.0, 1620.0)


TASKS = st.lists(
    st.builds(
        task,
        st.uuids().map(str),
        st.sampled_from(["initial", "healthy", "unhealthy"]),
        az=st.sampled_from(["a", "b"]),
        new=st.booleans(),
        age=st.floats(0, 100),
    ),
    max_size=8,
)


@given(
    tasks=TASKS, desired=st.integers(0, 5), least=st.sampled_from([0, 50, 100]), most=st.sampled_from([100, 150, 200])
)
def test_bounds_hold_whatever_the_tasks_are(tasks: list[TaskView], desired: int, least: int, most: int) -> None:
    view = service(*tasks, desired=desired, least=least, most=most)
    decision = decide(view, NOW)
    staying = [t for t in tasks if t.arn not in decision.stops]
    ready_before = sum(t.is_ready for t in tasks)
    ready_after = sum(t.is_ready for t in staying)
    assert len(set(decision.stops)) == len(decision.stops)
    assert ready_after >= min(ready_before, view.fewest)
    if decision.starts:
        assert len(staying) + len(decision.starts) <= view.most


@given(
    desired=st.integers(0, 4),
    old=st.integers(0, 5),
    least=st.sampled_from([0, 50, 100]),
    most=st.sampled_from([150, 200]),
)
def test_any_rollout_ends_at_the_desired_count_and_stays_there(desired: int, old: int, least: int, most: int) -> None:
    tasks = [task(f"old{number}", new=False) for number in range(old)]
    for turn in range(30):
        decision = decide(service(*tasks, desired=max(desired, 2), least=least, most=most), NOW)
        tasks = [t for t in tasks if t.arn not in decision.stops]
        tasks += [task(f"new{turn}-{n}", az=place.az) for n, place in enumerate(decision.starts)]
    assert all(t.deployment == "new" for t in tasks)
    assert len(tasks) == max(desired, 2)
    final = decide(service(*tasks, desired=max(desired, 2), least=least, most=most), NOW)
    assert (final.starts, final.stops) == ((), ())
