"""What a claim may be about is what is measured: every kind of scenario refuses the rest when it is built."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.books import captures
from plugins.books.captures import CaptureWindow
from plugins.books.stages import STAGES
from plugins.chaos.scenario import Recovery
from plugins.chaos.tests.fakes import scenario
from plugins.load import result
from plugins.load.arrivals import Constant, Stage, Stages
from plugins.load.histogram import Histogram
from plugins.load.result import Window
from plugins.load.scenario import LoadScenario
from plugins.slo import ClaimError, Slo
from plugins.stress import probing
from plugins.stress.cpu.claim import CpuClaim
from plugins.stress.probing import Probe
from plugins.stress.surge import checkout
from plugins.stress.surge.checkout import Checkout
from plugins.stress.surge.claim import SurgeClaim

STRANGE = Slo.of("fast", "latency <= 5 ms")
GOOD = Slo.of("good", "errors <= 0 %")
README = Path(__file__).parents[1] / "README.md"


def load(slo: Slo, mix: tuple[tuple[str, float], ...] = (("order", 1.0),)) -> LoadScenario:
    stages = Stages(stages=(Stage(name="peak", arrivals=Constant(per_s=100.0, duration_s=5.0)),))
    return LoadScenario(name="x", title="x", story="x", quick=stages, full=stages, slos={"peak": slo}, mix=mix)


@pytest.mark.parametrize(
    "build",
    [
        lambda: scenario(baseline=STRANGE),
        lambda: scenario(during=STRANGE),
        lambda: scenario(recovered=STRANGE),
        lambda: scenario(recovery=Recovery(good=STRANGE)),
        lambda: scenario(capture_recovery=Recovery(good=GOOD)),
        lambda: scenario(during=Slo.of("too early", "rto <= 5 s")),
        lambda: load(STRANGE),
        lambda: CpuClaim.of("order", "latency <= 5 ms"),
        lambda: SurgeClaim.of("payment", "latency <= 5 ms"),
    ],
    ids=["baseline", "during", "recovered", "recovery", "captures", "rto too early", "load", "cpu", "surge"],
)
def test_an_indicator_that_nobody_measures_is_refused_when_the_scenario_is_built(build: Callable[[], object]) -> None:
    with pytest.raises(ClaimError, match="nothing measures what"):
        build()


@pytest.mark.parametrize("build", [lambda mix: scenario(mix=mix), lambda mix: load(GOOD, mix)], ids=["chaos", "load"])
def test_a_journey_that_does_not_exist_is_refused_with_those_that_do(build: Callable[[object], object]) -> None:
    with pytest.raises(ClaimError, match="no journey is called 'tea'; known: order, browse"):
        build((("tea", 1.0),))


def test_what_may_be_claimed_is_what_is_measured() -> None:
    nothing = Histogram.merged(())
    window = Window(start=0, end=1, due=0, dropped=0, retries=0, errors={}, good=nothing, bad=nothing, slip=nothing)
    assert set(result.INDICATORS) == {name for name in window.indicators() if not name.startswith("slip.")}
    placed = CaptureWindow(start=0, end=1, latencies=(), captured=0)
    assert set(captures.INDICATORS) == set(placed.indicators())
    probed = probing.indicators((Probe(at=0.0, took_s=0.01),))
    assert set(probing.INDICATORS) == {name for name in probed if not name.startswith("slip.")}
    measured = checkout.indicators((Checkout(at=0.0, took_ms=1.0),))
    assert set(checkout.INDICATORS) == {name for name in measured if not name.startswith("slip.")}


def test_every_indicator_is_documented() -> None:
    documented = set(re.findall(r"`([a-z0-9.]+)`", README.read_text(encoding="utf-8").partition("## Indicators")[2]))
    stages = {name for stage in STAGES for name in stage.indicators}
    every = {*result.INDICATORS, *stages, *probing.INDICATORS, *checkout.INDICATORS}
    named = {"errors.unclean", "rto", "rpo", "capture.rto", "revenue.rto", "cpu", "rate", "stop", "back"}
    assert every | named <= documented
