"""Runs one scenario against a platform: sets up the bench, lets the machine run, gathers what is known, judges it."""

from dataclasses import dataclass
from pathlib import Path

from plugins.books.queues import count_dead_letters
from plugins.chaos.experiment import Experiment
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.judgement import report
from plugins.chaos.judgement.evidence import Evidence
from plugins.chaos.judgement.gathering import RawData, charts, collect, gather
from plugins.chaos.judgement.judge import judge
from plugins.chaos.pulse import WallPulse, interruptible
from plugins.chaos.trace import Trace
from plugins.chaos.traffic import OrderTraffic
from plugins.chaos.undo.journal import Journal
from plugins.chaos.workbench import bench
from plugins.reporting.folders import run_name
from plugins.reporting.record import RunRecord
from plugins.slo import Verdict
from plugins.telemetry.timeline import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run and its verdict. `text` is for the terminal; `is_interrupted`: somebody asked the whole test run to end."""

    verdict: Verdict
    record: RunRecord
    text: str
    is_interrupted: bool


def perform(run: ExperimentRun) -> JudgedRun:
    """Do the experiment and judge it. Raises only where nothing was touched, or where the run is ended at once."""
    pulse = WallPulse()
    name = run_name(f"chaos-{run.scenario.id}")
    folder = run.reports / name
    journal = Journal.of(run.platform.state.journal, name, pulse.now)
    letters = count_dead_letters(run.platform)
    load = OrderTraffic(run.scenario, run.windows, run.platform, folder, pulse.now)
    with interruptible(pulse):
        with bench(run, name, load, pulse, journal) as made:
            trace = Experiment(scenario=run.scenario, fault=run.fault, windows=run.windows, bench=made).run()
        result = load.result()
        data = RawData(result=result)
        if result and not pulse.is_interrupted:
            with run.progress.phase(f"{run.scenario.id}: books"):
                data = collect(run, trace, result, letters)
        evidence = gather(run, trace, data)
    if pulse.is_interrupted:
        run.progress.note(farewell(trace))
    judged = _judged(evidence, charts(run, data), journal, folder, is_interrupted=pulse.is_interrupted)
    journal.discard()
    return judged


def farewell(trace: Trace) -> str:
    """What somebody who interrupts a run wants to hear first."""
    if trace.undo is None:
        return "interrupted before the fault: nothing was changed"
    if trace.undo.is_proven:
        return "the fault was taken back, proven"
    return f"THE FAULT MAY STILL BE IN FORCE: {trace.undo}; next: cafe restore"


def _judged(
    evidence: Evidence, series: tuple[Series, ...], journal: Journal, folder: Path, *, is_interrupted: bool
) -> JudgedRun:
    judgement = judge(evidence)
    return JudgedRun(
        verdict=judgement.verdict,
        record=report.record(evidence, judgement, series=series, journal=journal.text(), folder=folder),
        text=f"{report.render(evidence, judgement)}\n  raw data: {folder}",
        is_interrupted=is_interrupted,
    )
