"""Light requests on a schedule: who is slow, they or we, and what was never asked."""

import itertools
import threading
from collections.abc import Callable

import pytest

from plugins.stress.probing import Probe, Prober, indicators


@pytest.mark.parametrize(("count", "p50", "p99"), [(4, 2.0, 4.0), (100, 50.0, 99.0)])
def test_the_quantiles_of_probes_are_by_nearest_rank(count: int, p50: float, p99: float) -> None:
    found = indicators([Probe(at=0.0, took_s=n / 1000, late_s=0.5) for n in range(1, count + 1)])
    assert (found["p50"], found["p99"], found["errors"], found["slip.p99"]) == (p50, p99, 0.0, 500.0)


def test_nothing_asked_is_nothing_measured() -> None:
    assert indicators(()) == {}


def probed(ask: Callable[[int], bool], until: int) -> list[Probe]:
    """The probes of a prober that asks every 10 ms and is ended when it has asked `until` times."""
    asked, enough = 0, threading.Event()

    def counted() -> bool:
        nonlocal asked
        asked += 1
        if asked == until:
            enough.set()
        return ask(asked)

    with Prober(counted, interval_s=0.01) as prober:
        assert enough.wait(10)
    return prober.probes


def test_a_slow_answer_is_felt_by_all_that_were_due_meanwhile() -> None:
    """A tenth of a second is ten requests: the first took all of it, the ninth a fifth."""
    slow = threading.Event()
    found = probed(lambda number: not slow.wait(0.1) if number == 1 else True, until=6)
    took = [probe.took_s for probe in found[:6] if probe.took_s is not None]
    assert len(took) == 6
    assert all(earlier > later for earlier, later in itertools.pairwise(took))
    assert took[0] >= 0.1
    assert took[5] >= 0.04


def test_what_was_due_and_never_asked_got_no_answer() -> None:
    slow = threading.Event()
    found = probed(lambda number: not slow.wait(0.1), until=1)
    assert [probe.took_s is None for probe in found[:5]] == [False, True, True, True, True]
    assert indicators(found)["errors"] == pytest.approx(100 * sum(one.took_s is None for one in found) / len(found))


def test_a_failed_request_has_no_time() -> None:
    assert [probe.took_s is None for probe in probed(lambda number: number != 2, until=3)[:3]] == [False, True, False]
