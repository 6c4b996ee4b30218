"""A fault on a file, a load of numbers and a clock that moves when it is waited for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infrastructure.kubernetes import Kubernetes
from infrastructure.login import DatabaseLogin
from plugins.chaos.experiment import Bench, Experiment
from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Plan
from plugins.chaos.scenario import Recovery, Scenario, Windows
from plugins.chaos.stop import Stop, StopCondition, Tally
from plugins.chaos.trace import Phase
from plugins.chaos.undo.journal import Journal, Origin
from plugins.slo import Slo


@dataclass(frozen=True)
class FileCloud:
    """A platform that is one file: `endpoint` is its path."""

    path: Path

    def client(self, service: str) -> Any:
        raise AssertionError(f"the fake has no {service}")

    def endpoint(self, name: str) -> str:
        return str(self.path)

    def output(self, key: str) -> str:
        return key

    def database_login(self) -> DatabaseLogin:
        raise AssertionError("the fake has no database")

    def kubernetes(self) -> Kubernetes:
        raise AssertionError("the fake has no cluster")


@dataclass
class FileFault:
    """Replaces a file's content in two writes, so that a kill can fall between them. `raises` names what fails."""

    raises: Mapping[str, BaseException] = field(default_factory=dict)
    on_call: Callable[[str], None] = lambda _name: None
    is_felt: bool = True
    is_undoable: bool = True
    name: str = "file"
    title: str = "the file says broken"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = ("file:Read",)
    writes: tuple[str, ...] = ("file:Write",)

    def plan(self, cloud: Cloud, at: float) -> Plan:
        self._do("plan")
        path = Path(cloud.endpoint("file"))
        if not path.is_file():
            raise EmptyTargetError(f"there is no file {path}")
        call = Call(action="file:Write", resource=str(path))
        backup: dict[str, Json] = {"text": path.read_text()}
        return Plan(fault=self.name, targets=(str(path),), calls=(call,), undo=(call,), backup=backup, created_at=at)

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        Path(plan.targets[0]).write_text("bro")
        self._do("inject")
        Path(plan.targets[0]).write_text("broken")

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        self._do("rollback")
        if self.is_undoable:
            Path(plan.targets[0]).write_text(plan.saved("text"))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        self._do("symptom")
        is_broken = Path(plan.targets[0]).read_text() == "broken"
        return "the file says broken" if is_broken and self.is_felt else None

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        self._do("fingerprint")
        return {"text": Path(plan.targets[0]).read_text()}

    def _do(self, name: str) -> None:
        self.on_call(name)
        if name in self.raises:
            raise self.raises[name]


@dataclass
class FakePulse:
    """Time that passes only in `wait`; `stops` are handed out at their times."""

    time: float = 1_000.0
    stops: list[tuple[float, Stop | BaseException]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> Stop | None:
        due = [stop for stop in self.stops if stop[0] <= self.time + seconds]
        if not due:
            self.time += seconds
            return None
        self.stops.remove(due[0])
        self.time = max(self.time, due[0][0])
        if isinstance(due[0][1], BaseException):
            raise due[0][1]
        return due[0][1]


@dataclass
class FakeLoad:
    """Counts its starts and stops; `tallies` says what it has seen at a time."""

    pulse: FakePulse
    tallies: Callable[[float], Tally] = lambda _at: Tally()
    dies_at: float = float("inf")
    calls: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.calls.append("start")

    def tally(self) -> Tally:
        if self.pulse.time >= self.dies_at:
            raise RuntimeError("the generator died")
        return self.tallies(self.pulse.time)

    def stop(self) -> None:
        self.calls.append("stop")


WINDOWS = Windows(baseline_s=10.0, fault_s=10.0, recovery_s=10.0)
BEGAN = 1_000.0
BASELINE_AT, OBSERVE_AT, RECOVERY_AT = BEGAN + 1.0, BEGAN + 11.0, BEGAN + 21.0
"""When each window begins on the fake clock: nothing but waiting takes time."""


def scenario(*stops: StopCondition, **changes: Any) -> Scenario:
    fields: dict[str, Any] = {
        "id": "99-file",
        "title": "file",
        "hypothesis": "the file comes back",
        "fault": FileFault(),
        "rate": 100.0,
        "baseline": Slo.of("baseline", "errors <= 0 %"),
        "during": Slo.of("during", "errors <= 10 %"),
        "recovered": Slo.of("recovered", "errors <= 0 %", "rto <= 5 s", "rpo <= 0"),
        "recovery": Recovery(good=Slo.of("good", "errors <= 0 %")),
        "stops": stops,
    }
    return Scenario(**{**fields, **changes})


@dataclass
class Table:
    """A whole experiment on a file. `path` is the platform, `folder` the journal's."""

    root: Path
    fault: FileFault = field(default_factory=FileFault)
    stops: tuple[StopCondition, ...] = ()
    pulse: FakePulse = field(default_factory=FakePulse)
    is_held: Callable[[], bool] = lambda: True
    alarms: Callable[[], frozenset[str]] = frozenset
    on_enter: Callable[[Phase], None] = lambda _phase: None
    phases: list[Phase] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = self.root / "platform"
        self.path.write_text("whole")
        self.folder = self.root / "journal"
        self.load = FakeLoad(self.pulse)
        self.journal = Journal.of(self.folder, "e1", self.pulse.now)

    @property
    def text(self) -> str:
        return self.path.read_text()

    def enter(self, phase: Phase, _seconds: float) -> None:
        self.phases.append(phase)
        self.on_enter(phase)

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.journal.text().splitlines()]

    def experiment(self) -> Experiment:
        return Experiment(
            scenario=scenario(*self.stops),
            fault=self.fault,
            windows=WINDOWS,
            bench=Bench(
                cloud=FileCloud(self.path),
                load=self.load,
                pulse=self.pulse,
                journal=self.journal,
                origin=origin(),
                is_held=self.is_held,
                clear=lambda: None,
                arm=lambda: None,
                alarms=self.alarms,
                enter=self.enter,
            ),
        )


def origin(pid: int = 1, lease_id: str = "lease", platform_id: str = "p1", target: str = "embedded") -> Origin:
    return Origin(
        experiment="e1",
        scenario="99-file",
        environment="dev",
        target=target,
        platform_id=platform_id,
        pid=pid,
        lease_id=lease_id,
    )
