"""pytest glue of the load plugin: the fixture `load` runs a scenario and judges the test by its evidence."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.cloud import Platform
from plugins.books.queues import count_dead_letters
from plugins.books.reconcile import reconcile
from plugins.environment.conclusion import conclude
from plugins.environment.outcome import Inconclusive
from plugins.environment.settings import Settings
from plugins.load.errors import LoadError
from plugins.load.evidence import LoadEvidence
from plugins.load.judge import judge_stages
from plugins.load.preview import preview
from plugins.load.report import record, record_without_load, render
from plugins.load.runner import start
from plugins.load.scenario import LoadScenario
from plugins.reporting.folders import run_name
from plugins.reporting.progress import Progress
from plugins.reporting.record import RunRecord
from plugins.telemetry.dashboard import charted


@pytest.fixture(name="load")
def load_test(request: pytest.FixtureRequest, settings: Settings) -> Callable[[LoadScenario], None]:
    """`load(scenario)`: run it alone on the platform, publish its record, and raise unless it passed."""

    def run(scenario: LoadScenario) -> None:
        if settings.plan:
            request.getfixturevalue("plans").add(request.node.nodeid, preview(scenario, settings.profile))
            return
        platform, lease, reporter, progress = map(
            request.getfixturevalue, ("platform", "lease", "reporter", "progress")
        )
        folder = request.getfixturevalue("reporter").raw / run_name(f"load-{scenario.name}")
        with published(scenario, folder, reporter.publish), lease.hold(f"load {scenario.name}"):
            evidence = perform(scenario, settings, platform, progress, folder)
        reporter.publish(record(evidence))
        conclude(evidence.verdict, render(evidence))

    return run


@contextmanager
def published(scenario: LoadScenario, folder: Path, publish: Callable[[RunRecord], None]) -> Iterator[None]:
    """A generator that gives way within leaves a record of it too, and the test proves nothing: `Inconclusive`."""
    began = time.time()
    try:
        yield
    except LoadError as reason:
        publish(record_without_load(scenario, reason, began, time.time(), folder))
        raise Inconclusive(f"{scenario.title}: {reason}") from reason


def perform(
    scenario: LoadScenario, settings: Settings, platform: Platform, progress: Progress, folder: Path
) -> LoadEvidence:
    """Offer the load, wait for the last answer, reconcile the books. `LoadError` if the generator gave way."""
    arrivals, letters = scenario.arrivals(settings.profile), count_dead_letters(platform)
    with (
        progress.phase(f"load {scenario.name}", arrivals.duration_s),
        start(scenario.plan(arrivals), platform, folder) as run,
    ):
        result, started_at = run.result(), run.started_at
    scale = settings.environment.slo.latency_scale
    slos = {stage: slo.stretched(scale) for stage, slo in scenario.slos.items()}
    reconciling = time.time()
    with progress.phase(f"load {scenario.name}: books"):
        books = reconcile(platform, result.history, letters_before=letters)
    return LoadEvidence(
        scenario=scenario,
        result=result,
        stages=judge_stages(arrivals, slos, result, started_at),
        books=books,
        reconciled=(reconciling, time.time()),
        dashboard=charted(platform, result.started, result.ended, progress.note),
    )
