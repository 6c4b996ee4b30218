"""Runs one stress claim and gathers its evidence: CPU and work done from CloudWatch, requests, the stop, the calm."""

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psutil

from infrastructure.cloud import Platform
from plugins.reporting.progress import Progress
from plugins.stress import neighbours, probing
from plugins.stress.cpu.api import StressApi
from plugins.stress.cpu.stopping import Stop, on_this_machine, stop
from plugins.stress.neighbours import Neighbour
from plugins.stress.probing import Probe, Prober
from plugins.telemetry import Metric, Series, Span, Timeline, cpu_metric, read

if TYPE_CHECKING:
    from plugins.stress.cpu.claim import CpuClaim

SPARE_S = 30.0
"""The run is asked for with so much to spare: what ends it is the DELETE, not its own time."""
BACK_S = 5.0
"""What the CPU does until here after the end is its way down; it is calm for good when it is calm beyond."""
_MARGIN_S = 1.0
_PERIODS = 3
"""Of CloudWatch's, that the target is held for at least: two of them lie within it wholly, wherever they begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressEvidence:
    """What one run left: when it was, CPU and work (units a second) by CloudWatch, how requests were answered.

    `ended`: when DELETE was sent, Unix seconds. `idle`: percent of this machine's CPU that nobody used while the target
    was held, where the platform is on it; None where it is elsewhere.
    """

    run_id: str
    timeline: Timeline
    cpu: Series
    work: Series
    probes: tuple[Probe, ...]
    others: tuple[Neighbour, ...]
    ended: float
    stop: Stop
    idle: float | None = None
    latency_scale: float = 1.0


def held_long_enough_s(length_s: float, settle_s: float, period_s: float) -> float:
    """`length_s`, or longer where metrics come so rarely that it would hold no whole period of theirs."""
    return max(length_s, settle_s + _PERIODS * period_s)


def calm_s(period_s: float) -> float:
    """How long after the end the CPU is watched: until a whole period lies behind its way down."""
    return BACK_S + _MARGIN_S + 2 * period_s


def run(platform: Platform, claim: "CpuClaim", length_s: float, progress: Progress) -> StressEvidence:
    """Drive the service for `length_s` seconds at least, end that, then watch it come to rest."""
    length_s = held_long_enough_s(length_s, claim.settle_s, platform.metric_period_s)
    base, story = platform.endpoint(claim.service.entrance), claim.service.stress
    health = neighbours.get(f"{base}{claim.service.health_path}", status=200)
    status = platform.status()
    with StressApi(base, claim.service.stress_path, platform.operator_token()) as api:
        with neighbours.watched(platform, claim.service) as others, Prober(health) as prober:
            started = time.time()
            run_id = api.start(length_s + SPARE_S, story.target_cpu)
            with progress.phase(f"{story.name} on {claim.service.name}", length_s):
                threading.Event().wait(claim.settle_s)
                before = psutil.cpu_times()
                threading.Event().wait(length_s - claim.settle_s)
                idle = None if status.pid is None else idle_share(before, psutil.cpu_times())
        ended = time.time()
        stopped = stop(api, on_this_machine(status, story.work))
    with progress.phase("calm afterwards", calm_s(platform.metric_period_s)):
        threading.Event().wait(calm_s(platform.metric_period_s))
    cpu = read(platform, cpu_metric(platform, claim.service), started, time.time())
    work = _work(platform, claim, started, ended)
    series = (cpu, work, probing.series("health request", prober.probes), *(other.series for other in others))
    return StressEvidence(
        run_id=run_id,
        timeline=Timeline(series=series, spans=_spans(claim, started, ended)),
        cpu=cpu,
        work=work,
        probes=tuple(prober.probes),
        others=others,
        ended=ended,
        stop=stopped,
        idle=idle,
        latency_scale=platform.environment.slo.latency_scale,
    )


def idle_share(before: Any, after: Any) -> float:
    """Percent of CPU time between two readings of psutil's that nobody used; what a hypervisor took is used."""
    names = [name for name in after._fields if not name.startswith("guest")]  # they are in `user` already
    spent = {name: float(getattr(after, name) - getattr(before, name)) for name in names}
    return 100.0 * (spent["idle"] + spent.get("iowait", 0.0)) / max(sum(spent.values()), 1e-9)


def _work(platform: Platform, claim: "CpuClaim", started: float, ended: float) -> Series:
    """What all tasks together got done, units a second."""
    story, dimensions = claim.service.stress, {"Environment": platform.environment.suffix}
    done = read(platform, Metric.of(claim.service.namespace, story.counts, "Sum", dimensions), started, ended)
    points = tuple((at, value / done.period_s) for at, value in done.points)
    return replace(done, name=f"{story.units} done", unit=f"{story.units}/s", points=points)


def _spans(claim: "CpuClaim", started: float, ended: float) -> tuple[Span, ...]:
    """Ramp, held, calm."""
    return (
        Span(name="ramp", start=started, end=started + claim.settle_s),
        Span(name="held", start=started + claim.settle_s, end=ended, is_fault=True),
        Span(name="calm", start=ended, end=time.time()),
    )
