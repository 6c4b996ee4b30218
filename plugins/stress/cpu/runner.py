"""Runs one stress claim and gathers its evidence: CPU from CloudWatch, health probes, and the calm afterwards."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import urllib3

from infrastructure.cloud import Platform
from plugins.reporting.progress import Progress
from plugins.slo import nearest_rank
from plugins.stress.cpu.api import Probe, StressApi
from plugins.telemetry import Series, Span, Timeline, cpu_metric, read

if TYPE_CHECKING:
    from plugins.stress.cpu.claim import CpuClaim

_PROBE_INTERVAL_S = 0.2
_STOP_S = 2.0
_CALM_S = 6.0
"""How long after the run its CPU is watched; the first part is the metric's own delay."""


INDICATORS = ("p50", "p95", "p99", "errors")
"""What health requests can be judged by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressEvidence:
    """What one run left: when it was, what CloudWatch says of the CPU, how the health endpoint answered."""

    run_id: str
    timeline: Timeline
    cpu: Series
    probes: tuple[Probe, ...]


def run(platform: Platform, claim: "CpuClaim", length_s: float, progress: Progress) -> StressEvidence:
    """Drive the service for `length_s` seconds, then watch it come to rest."""
    base, story = platform.endpoint(claim.service.entrance), claim.service.stress
    with StressApi(base, claim.service.stress_path, platform.operator_token()) as api, _Prober(base, claim) as prober:
        started = time.time()
        run_id = api.start(length_s, story.target_cpu)
        with progress.phase(f"{story.name} on {claim.service.name}", length_s):
            threading.Event().wait(length_s)
        ended = time.time()
    with progress.phase("calm afterwards", _CALM_S):
        threading.Event().wait(_CALM_S + platform.metric_period_s)
    cpu = read(platform, cpu_metric(platform, claim.service), started, time.time())
    spans = _spans(claim, started, ended)
    health = Series(
        name="health request", unit="ms", points=tuple((p.at, p.took_s * 1000) for p in prober.probes if p.took_s)
    )
    timeline = Timeline(series=(cpu, health), spans=spans)
    return StressEvidence(run_id=run_id, timeline=timeline, cpu=cpu, probes=tuple(prober.probes))


def indicators(probes: Sequence[Probe]) -> dict[str, float | None]:
    """Latency (ms) and error share (%) of the health probes."""
    took = sorted(probe.took_s * 1000 for probe in probes if probe.took_s is not None)
    if not probes:
        return {}
    errors = 100.0 * (len(probes) - len(took)) / len(probes)
    return {**{f"p{q}": nearest_rank(took, q / 100) for q in (50, 95, 99)}, "errors": errors}


def _spans(claim: "CpuClaim", started: float, ended: float) -> tuple[Span, ...]:
    """Ramp, held, calm; the service may take `_STOP_S` to stop its workers before it has to be calm."""
    return (
        Span(name="ramp", start=started, end=started + claim.settle_s),
        Span(name="held", start=started + claim.settle_s, end=ended, is_fault=True),
        Span(name="calm", start=ended + _STOP_S, end=time.time()),
    )


class _Prober:
    """Asks for health at a fixed interval in a thread of its own, until the block ends."""

    def __init__(self, base_url: str, claim: "CpuClaim") -> None:
        self._url = f"{base_url}{claim.service.health_path}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True, name="stress-health-prober")
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2.0, read=5.0), retries=False)
        self.probes: list[Probe] = []

    def __enter__(self) -> "_Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._http.clear()

    def _loop(self) -> None:
        while not self._stop.wait(_PROBE_INTERVAL_S):
            self.probes.append(self._probe())

    def _probe(self) -> Probe:
        at = time.time()
        try:
            answer = self._http.request("GET", self._url)
        except urllib3.exceptions.HTTPError:
            return Probe(at=at, took_s=None)
        return Probe(at=at, took_s=time.time() - at if answer.status == 200 else None)
