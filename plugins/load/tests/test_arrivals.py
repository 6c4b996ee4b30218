"""What every arrival shape promises, held against each of them."""

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.load.arrivals import (
    ARRIVALS,
    Arrivals,
    Constant,
    Poisson,
    Ramp,
    Sine,
    Spike,
    Stage,
    Stages,
    schedule,
    shape,
    then,
    time_of,
)
from plugins.load.arrivals.codec import decode, encode

RAMP = Ramp(start_per_s=5, end_per_s=50, duration_s=3)
EXAMPLES: tuple[Arrivals, ...] = (
    Constant(per_s=40, duration_s=2.5),
    RAMP,
    Ramp(start_per_s=50, end_per_s=0, duration_s=2),
    Spike(per_s=10, spike_per_s=100, spike_at_s=1, spike_s=0.5, duration_s=3),
    Sine(per_s=20, swing_per_s=20, period_s=2, duration_s=5),
    Poisson(around=RAMP, seed=7),
    Stages(stages=(Stage(name="up", arrivals=RAMP), Stage(name="hold", arrivals=Constant(per_s=50, duration_s=1)))),
    then(RAMP, then(Constant(per_s=3, duration_s=2), RAMP)),
)
each_shape = pytest.mark.parametrize("arrivals", EXAMPLES, ids=lambda a: f"{a.name}-{a.duration_s:g}s")


def test_every_registered_shape_has_an_example() -> None:
    assert {kind.name for kind in ARRIVALS} == {example.name for example in EXAMPLES}


@each_shape
def test_count_is_the_integral_of_rate(arrivals: Arrivals) -> None:
    steps = 20_000
    step = arrivals.duration_s / steps
    integral = sum(arrivals.rate((n + 0.5) * step) for n in range(steps)) * step
    assert arrivals.count(arrivals.duration_s) == pytest.approx(integral, rel=1e-3)


@each_shape
def test_count_starts_at_zero_never_falls_and_stays_after_the_end(arrivals: Arrivals) -> None:
    counts = [arrivals.count(arrivals.duration_s * n / 200) for n in range(-20, 241)]
    assert counts[20] == 0
    assert counts == sorted(counts)
    assert math.isfinite(counts[-1])
    assert counts[-1] == counts[220]


@each_shape
def test_rate_is_zero_outside_and_never_above_the_peak(arrivals: Arrivals) -> None:
    assert arrivals.rate(-0.01) == 0
    assert arrivals.rate(arrivals.duration_s + 0.01) == 0
    assert max(arrivals.rate(arrivals.duration_s * n / 500) for n in range(501)) <= arrivals.peak + 1e-9


@each_shape
def test_the_nth_arrival_time_inverts_the_count(arrivals: Arrivals) -> None:
    total = arrivals.count(arrivals.duration_s)
    for n in range(math.floor(total)):
        at = time_of(arrivals, n)
        assert arrivals.count(at) == pytest.approx(n, abs=1e-6)


@each_shape
def test_a_schedule_ascends_within_the_duration(arrivals: Arrivals) -> None:
    times = list(schedule(arrivals))
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= arrivals.duration_s


@each_shape
def test_a_schedule_has_as_many_arrivals_as_it_counts(arrivals: Arrivals) -> None:
    expected = arrivals.count(arrivals.duration_s)
    tolerance = 4 * math.sqrt(expected) if isinstance(arrivals, Poisson) else 1
    assert abs(len(list(schedule(arrivals))) - expected) <= tolerance


@each_shape
def test_scaling_time_and_rate_scales_the_count(arrivals: Arrivals) -> None:
    scaled = arrivals.scaled(time=3, rate=0.5)
    assert scaled.duration_s == pytest.approx(arrivals.duration_s * 3)
    assert scaled.peak == pytest.approx(arrivals.peak / 2)
    assert scaled.count(scaled.duration_s) == pytest.approx(arrivals.count(arrivals.duration_s) * 1.5)


@each_shape
def test_scaling_is_a_stretch_and_what_is_not_named_stays(arrivals: Arrivals) -> None:
    assert arrivals.scaled() == arrivals
    moments = [arrivals.duration_s * (n + 0.5) / 37 for n in range(37)]
    longer, higher = arrivals.scaled(time=3), arrivals.scaled(rate=2)
    assert [longer.rate(3 * at) for at in moments] == pytest.approx([arrivals.rate(at) for at in moments])
    assert [higher.rate(at) for at in moments] == pytest.approx([2 * arrivals.rate(at) for at in moments])


@each_shape
def test_a_shape_survives_its_way_through_json(arrivals: Arrivals) -> None:
    assert decode(encode(arrivals), shape) == arrivals


def test_a_constant_rate_is_evenly_spaced_from_the_start() -> None:
    assert list(schedule(Constant(per_s=4, duration_s=1))) == pytest.approx([0, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("swing_per_s", [0.0, 0.5, 1.0])
def test_a_wave_may_swing_by_up_to_its_mean(swing_per_s: float) -> None:
    wave = Sine(per_s=1, swing_per_s=swing_per_s, period_s=4, duration_s=4)
    assert (wave.rate(0), wave.rate(2)) == pytest.approx((1 - swing_per_s, 1 + swing_per_s))


def test_the_same_seed_gives_the_same_poisson_schedule_and_another_seed_another() -> None:
    of = [list(schedule(Poisson(around=RAMP, seed=seed))) for seed in (1, 1, 2)]
    assert of[0] == of[1]
    assert of[0] != of[2]


def test_poisson_gaps_vary_as_much_as_their_mean() -> None:
    times = list(schedule(Poisson(around=Constant(per_s=100, duration_s=50), seed=11)))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(0.01, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.1)


@settings(deadline=None)  # a busy machine is no defect
@given(rate=st.floats(0.1, 100), seconds=st.floats(0.1, 10))
def test_a_constant_rate_over_a_time_gives_their_product(rate: float, seconds: float) -> None:
    assert len(list(schedule(Constant(per_s=rate, duration_s=seconds)))) == math.ceil(rate * seconds)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: shape("sawtooth"),
        lambda: Sine(per_s=1, swing_per_s=1.1, period_s=1, duration_s=1),
        lambda: Sine(per_s=1, swing_per_s=-0.1, period_s=1, duration_s=1),
    ],
    ids=["unknown shape", "a rate below zero", "a swing below zero"],
)
def test_what_cannot_be_is_refused_naming_what_can(refused: Callable[[], object]) -> None:
    with pytest.raises((KeyError, ValueError), match=r"known: constant|it must be 0 to 1"):
        refused()
