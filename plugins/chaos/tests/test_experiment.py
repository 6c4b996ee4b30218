"""Whatever happens from INJECT on, the experiment rolls back; nothing is changed that was not written down first."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from infrastructure.errors import UsageError
from plugins.chaos.experiment import NEXT, Way
from plugins.chaos.fault import EmptyTargetError
from plugins.chaos.stop import AlarmRaised, Deadline, ErrorBudget, Stop, StopCondition, Tally
from plugins.chaos.tests.fakes import BASELINE_AT, OBSERVE_AT, RECOVERY_AT, FakePulse, FileFault, Table
from plugins.chaos.trace import Phase
from plugins.chaos.undo.journal import Event, Journal
from plugins.slo import Verdict

WHOLE = ["planned", "injecting", "injected", "rolling-back", "rolled-back", "closed"]
BOOM = RuntimeError("boom")
INTERRUPT = Stop(reason="interrupted by Ctrl-C", is_interrupt=True)


def test_an_undisturbed_experiment_goes_through_every_phase_in_order(tmp_path: Path) -> None:
    table = Table(tmp_path)

    trace = table.experiment().run()

    assert table.phases == [phase for phase in Phase if phase is not Phase.JUDGED]
    assert table.events == WHOLE
    assert table.text == "whole"
    assert trace.symptom == "the file says broken"
    assert trace.undo is not None
    assert trace.undo.is_proven
    assert [span.start for span in trace.spans if span.end > span.start] == [BASELINE_AT, OBSERVE_AT, RECOVERY_AT]
    assert table.load.calls == ["start", "stop"]


def test_how_long_an_injection_took_is_noted(tmp_path: Path) -> None:
    table = Table(tmp_path)

    def slow(what: str) -> None:
        if what == "inject":
            table.pulse.wait(3.0)

    table.fault.on_call = slow
    assert table.experiment().run().injection_s == 3.0


def test_every_way_out_of_every_phase_leads_somewhere_and_from_inject_on_through_rollback() -> None:
    for phase, way in NEXT:
        seen, at = [phase], NEXT[phase, way]
        while at is not Phase.JUDGED:
            seen.append(at)
            at = NEXT[at, Way.BROKEN if (at, Way.BROKEN) in NEXT else Way.DONE]
        touched = Phase.INJECT in seen or Phase.OBSERVE in seen
        assert not touched or Phase.ROLLBACK in seen, (phase, way)


@pytest.mark.parametrize(
    ("broken", "phase"),
    [("inject", "inject"), ("symptom", "observe"), ("fingerprint", "inject")],
)
def test_an_exception_from_inject_on_still_rolls_back(tmp_path: Path, broken: str, phase: str) -> None:
    fault = FileFault(raises={broken: BOOM})
    table = Table(tmp_path, fault=fault)

    trace = table.experiment().run()

    assert table.text == "whole"
    assert trace.crashes[0] == f"{phase}: RuntimeError: boom"
    assert Phase.ROLLBACK in table.phases
    assert Phase.RECOVERY not in table.phases
    assert table.load.calls == ["start", "stop"]


@pytest.mark.parametrize("gone", [Phase.INJECT, Phase.OBSERVE, Phase.ROLLBACK, Phase.RECOVERY])
def test_a_terminal_that_is_gone_keeps_nobody_from_undoing(tmp_path: Path, gone: Phase) -> None:
    """`pytest … | head` ends the pipe that the phases are shown on."""
    table = Table(tmp_path)

    def show(phase: Phase) -> None:
        if phase is gone:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    table.on_enter = show

    trace = table.experiment().run()

    assert table.text == "whole"
    assert trace.crashes == [f"{gone}: BrokenPipeError: [Errno 32] Broken pipe"]
    assert table.events in ([], WHOLE)


@pytest.mark.parametrize(
    "at", [BASELINE_AT + 2, OBSERVE_AT + 2, RECOVERY_AT + 2], ids=["baseline", "observe", "recovery"]
)
def test_a_dead_load_generator_ends_the_experiment_and_leaves_the_platform_whole(tmp_path: Path, at: float) -> None:
    table = Table(tmp_path)
    table.load.dies_at = at

    trace = table.experiment().run()

    assert "the generator died" in trace.crashes[0]
    assert table.text == "whole"


def test_a_full_disk_keeps_nobody_from_undoing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tmp_path)
    append = Journal._append

    def full(journal: Journal, event: Event, **fields: Any) -> None:
        if event not in ("planned", "injecting"):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(journal, event, **fields)

    monkeypatch.setattr(Journal, "_append", full)

    trace = table.experiment().run()

    assert table.text == "whole"
    assert trace.undo is not None
    assert trace.undo.is_proven
    assert table.events == ["planned", "injecting"], "it stays open, and the next start undoes it once more"


def test_nothing_is_injected_that_could_not_be_written_down_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    table = Table(tmp_path, fault=FileFault(on_call=calls.append))

    def full(_journal: Journal, _event: Event, **_fields: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "_append", full)

    trace = table.experiment().run()

    assert "inject" not in calls
    assert table.events == []
    assert "No space left on device" in trace.crashes[0]


ENDINGS: dict[str, tuple[float, list[str]]] = {
    "before anything is touched": (BASELINE_AT + 1.2, []),
    "under the fault": (OBSERVE_AT + 3.2, WHOLE),
    "in recovery": (RECOVERY_AT + 3.2, WHOLE),
}


@pytest.mark.parametrize("when", ENDINGS)
def test_an_interrupt_ends_the_phase_at_once_and_rolls_back(tmp_path: Path, when: str) -> None:
    at, events = ENDINGS[when]
    table = Table(tmp_path, pulse=FakePulse(stops=[(at, INTERRUPT)]))

    trace = table.experiment().run()

    assert trace.stop == INTERRUPT
    assert table.pulse.time == pytest.approx(at)
    assert (table.text, table.events) == ("whole", events)


@pytest.mark.parametrize("when", ENDINGS)
def test_any_exit_of_the_run_rolls_back_before_it_goes_on_its_way(tmp_path: Path, when: str) -> None:
    at, events = ENDINGS[when]
    table = Table(tmp_path, pulse=FakePulse(stops=[(at, SystemExit("pytest.exit"))]))

    with pytest.raises(SystemExit):
        table.experiment().run()

    assert (table.text, table.events) == ("whole", events)
    assert table.load.calls == ["start", "stop"]


def test_a_second_interrupt_ends_at_once_and_leaves_the_journal_open_for_the_watchdog(tmp_path: Path) -> None:
    table = Table(tmp_path, pulse=FakePulse(stops=[(OBSERVE_AT + 1, INTERRUPT)]))
    table.fault.raises = {"rollback": KeyboardInterrupt()}

    with pytest.raises(KeyboardInterrupt):
        table.experiment().run()

    assert table.events == ["planned", "injecting", "injected", "rolling-back"]
    assert table.load.calls == ["start", "stop"]


STOPS: dict[str, tuple[StopCondition, str, Verdict]] = {
    "error budget": (ErrorBudget(percent=50, at_least=10), "the error budget is spent: 60 of 100", Verdict.FAIL),
    "time": (Deadline(seconds=13), "time: it has run", Verdict.INCONCLUSIVE),
    "alarm": (AlarmRaised(alarm="order-errors"), "alarm order-errors went off", Verdict.FAIL),
}


@pytest.mark.parametrize("kind", STOPS)
def test_a_stop_condition_ends_the_experiment_early_through_rollback(tmp_path: Path, kind: str) -> None:
    condition, reason, verdict = STOPS[kind]
    table = Table(tmp_path, stops=(condition,))
    table.load.tallies = lambda at: Tally(requests=100, errors=60 if at > OBSERVE_AT + 2 else 0)
    table.alarms = lambda: frozenset({"order-errors"} if table.pulse.time > OBSERVE_AT + 2 else ())

    trace = table.experiment().run()

    assert trace.stop is not None
    assert trace.stop.reason.startswith(reason)
    assert trace.stop.verdict is verdict
    assert OBSERVE_AT + 2 <= table.pulse.time < OBSERVE_AT + 3
    assert (table.text, table.events) == ("whole", WHOLE)


def test_a_lost_lease_ends_the_experiment_and_undoes_once_more(tmp_path: Path) -> None:
    """Whoever took the lease may have undone before our last call went out."""
    table = Table(tmp_path)
    table.is_held = lambda: table.pulse.time < OBSERVE_AT + 1

    trace = table.experiment().run()

    assert trace.stop is not None
    assert "lease" in trace.stop.reason
    assert table.text == "whole"


def test_a_run_without_its_lease_never_injects(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.is_held = lambda: table.pulse.time < OBSERVE_AT

    table.experiment().run()

    assert "injecting" not in table.events
    assert table.text == "whole"


def test_a_run_whose_journal_was_closed_by_another_process_never_injects(tmp_path: Path) -> None:
    table = Table(tmp_path)
    calls: list[str] = []
    table.fault.on_call = calls.append
    table.experiment().bench.journal.planned = lambda *_: None  # type: ignore[method-assign] # planned, closed and removed

    table.experiment().run()

    assert "inject" not in calls


def test_the_plan_is_on_the_disk_before_the_first_mutating_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())))
    table = Table(tmp_path)
    at_injection: list[tuple[list[str], list[str]]] = []
    table.fault.on_call = lambda name: at_injection.append((table.events, [*synced])) if name == "inject" else None

    table.experiment().run()

    (events, files) = at_injection[0]
    assert events == ["planned", "injecting"]
    journal, folder = str(table.journal.path), str(table.folder)
    assert files == [journal, folder, str(tmp_path), journal]


def test_an_undo_that_left_a_difference_is_not_proven_and_stays_open(tmp_path: Path) -> None:
    table = Table(tmp_path, fault=FileFault(is_undoable=False))

    trace = table.experiment().run()

    assert trace.undo is not None
    assert not trace.undo.is_proven
    assert "closed" not in table.events
    assert Phase.RECOVERY not in table.phases


def test_a_failed_rollback_is_reported_and_stays_open(tmp_path: Path) -> None:
    table = Table(tmp_path, fault=FileFault(raises={"rollback": BOOM}))

    trace = table.experiment().run()

    assert str(trace.undo) == "rollback failed: RuntimeError: boom"
    assert table.events[-1] == "rolling-back"


def test_preflight_refuses_an_empty_target_before_any_load(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.path.unlink()

    with pytest.raises(EmptyTargetError, match="there is no file"):
        table.experiment().run()

    assert "start" not in table.load.calls


@pytest.mark.parametrize(
    "refusal", [UsageError("not here"), KeyboardInterrupt("Ctrl-C"), SystemExit("pytest.exit")], ids=repr
)
def test_preflight_passes_on_what_forbids_or_ends_the_experiment(tmp_path: Path, refusal: BaseException) -> None:
    table = Table(tmp_path, fault=FileFault(raises={"plan": refusal}))

    with pytest.raises(type(refusal)) as raised:
        table.experiment().run()

    assert raised.value is refusal
    assert table.phases == [Phase.PREFLIGHT]
    assert table.load.calls == ["stop"]


def test_a_slow_terminal_makes_no_phase_longer(tmp_path: Path) -> None:
    """Else it would count as time in which the service had not recovered."""
    table = Table(tmp_path)

    def show(_phase: Phase) -> None:
        table.pulse.time += 3.0

    table.on_enter = show

    trace = table.experiment().run()

    assert {span.name: span.end - span.start for span in trace.spans} == {
        "preflight": 0.0, "baseline": 10.0, "inject": 0.0, "observe": 10.0, "rollback": 0.0, "recovery": 10.0,
    }  # fmt: skip
