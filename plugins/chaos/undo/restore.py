"""Undoes what the journal shows open: from the watchdog, from `cafe restore`, from the start of the next run."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from infrastructure.errors import CafeError, EnvironmentFault
from infrastructure.state import StateFolder
from plugins.chaos.fault import Cloud, Fault
from plugins.chaos.faults import fault as known_fault
from plugins.chaos.trace import Undo
from plugins.chaos.undo import journal
from plugins.chaos.undo.journal import Entry, Journal
from plugins.environment import lease


class Outcome(StrEnum):
    """What became of an open experiment."""

    UNDONE = "undone"
    UNTOUCHED = "untouched"
    PLATFORM_GONE = "platform gone"
    RUNNING = "running"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One open experiment, and what was done about it."""

    experiment: str
    fault: str
    targets: tuple[str, ...]
    outcome: Outcome
    detail: str

    def to_json(self) -> str:
        return json.dumps(
            {
                "experiment": self.experiment,
                "fault": self.fault,
                "targets": self.targets,
                "outcome": self.outcome,
                "detail": self.detail,
            }
        )


Reach = Callable[[Entry], Cloud | None]
"""Finds the platform an experiment touched; None when that very platform is gone, and its state with it."""


def restore(
    state: StateFolder,
    reach: Reach,
    *,
    chosen: Callable[[Entry], bool] = lambda _entry: True,
    faults: Callable[[str], Fault] = known_fault,
    clock: Callable[[], float] = time.time,
) -> tuple[Restored, ...]:
    """Undo every open experiment, newest first. Idempotent; an experiment whose run is alive is left alone."""
    if not state.journal.is_dir():
        return ()
    with journal.alone(state.journal):
        opened = [entry for entry in reversed(journal.open_entries(state.journal)) if chosen(entry)]
        restored = tuple(_restored(entry, *_undo(state, entry, reach, faults, clock)) for entry in opened)
        journal.sweep(state.journal, clock(), is_in_use=lambda entry: is_running(state, entry))
        return restored


def check_clear(restored: Iterable[Restored]) -> None:
    """Refuse to begin on residue; `EnvironmentFault` names each experiment that could not be undone."""
    stuck = [each for each in restored if each.outcome is Outcome.STUCK]
    if stuck:
        listed = "".join(
            f"\n  {each.experiment} ({each.fault} on {', '.join(each.targets)}): {each.detail}\n  {way_out(each)}"
            for each in stuck
        )
        raise EnvironmentFault(f"the platform still carries an earlier experiment that cannot be undone:{listed}")


def way_out(stuck: Restored) -> str:
    """What a person can do about an experiment that cannot be undone: its target may be gone for good."""
    return (
        f"put {', '.join(stuck.targets)} right by hand, then `cafe restore --accept {stuck.experiment}`; or take the"
        " platform down and bring up a new one: `cafe down`"
    )


def accept(state: StateFolder, experiment: str, clock: Callable[[], float] = time.time) -> Restored:
    """Close an experiment that a person has put right; `EnvironmentFault` names the open ones if it is none of them."""
    opened = {entry.origin.experiment: entry for entry in journal.open_entries(state.journal)}
    if experiment not in opened:
        raise EnvironmentFault(f"no open experiment is called {experiment!r}; open: {', '.join(opened) or 'none'}")
    entry = opened[experiment]
    log = Journal(entry.path, clock)
    log.mark("closed", "accepted by a person")
    log.discard()
    return _restored(entry, Outcome.UNDONE, "accepted by a person")


def is_running(state: StateFolder, entry: Entry) -> bool:
    """Is the run that began this experiment alive, and does it still hold its lease?"""
    holder = lease.read(state.lease)
    return holder is not None and holder.lease_id == entry.origin.lease_id and not holder.is_stale(time.monotonic())


def _undo(
    state: StateFolder, entry: Entry, reach: Reach, faults: Callable[[str], Fault], clock: Callable[[], float]
) -> tuple[Outcome, str]:
    if is_running(state, entry):
        return Outcome.RUNNING, f"process {entry.origin.pid} is at it"
    log = Journal(entry.path, clock)
    try:
        cloud = reach(entry)
        if cloud is None:
            outcome, detail = Outcome.PLATFORM_GONE, "the platform it touched is gone, and its state with it"
        elif not entry.was_touched:
            outcome, detail = Outcome.UNTOUCHED, "it was planned but never injected"
        else:
            outcome, detail = Outcome.UNDONE, _take_back(cloud, entry, faults(entry.plan.fault), log)
    except Exception as failed:  # noqa: BLE001 - boto3, redis, sockets: whatever it is, the next experiment still has its turn
        return Outcome.STUCK, str(failed) if isinstance(failed, CafeError) else f"{type(failed).__name__}: {failed}"
    log.note("closed", outcome)
    return outcome, detail


def _take_back(cloud: Cloud, entry: Entry, fault: Fault, log: Journal) -> str:
    log.note("rolling-back")
    fault.rollback(cloud, entry.plan)
    undo = Undo(before=entry.fingerprint, after=fault.fingerprint(cloud, entry.plan))
    log.note("rolled-back", str(undo))
    if not undo.is_proven:
        raise EnvironmentFault(f"undo not proven: {undo}")
    return str(undo)


def _restored(entry: Entry, outcome: Outcome, detail: str) -> Restored:
    return Restored(
        experiment=entry.origin.experiment,
        fault=entry.plan.fault,
        targets=entry.plan.targets,
        outcome=outcome,
        detail=detail,
    )
