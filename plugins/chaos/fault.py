"""What a fault is: a plan that can be written down, and what can be done with it from any process.

plan ──► inject ──► symptom? ──► rollback ──► fingerprint == fingerprint before
 │                                  ▲
 └── journal (fsynced before inject)┘   the undo needs the plan and a platform, nothing of the process that injected
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Kubernetes
from infrastructure.login import DatabaseLogin

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

Kind = Literal["reversible", "self-healing", "one-way"]
"""reversible: a call takes it back. self-healing: the platform heals and rollback waits for that. one-way: neither."""


class Cloud(Protocol):
    """What a fault needs of a platform; `infrastructure.cloud.Platform` has it."""

    def client(self, service: str) -> Any: ...  # a boto3 client of the service
    def endpoint(self, name: str) -> str: ...  # URL of "alb", "elasticache" …
    def output(self, key: str) -> str: ...  # an output of the stacks
    def database_login(self) -> DatabaseLogin: ...
    def kubernetes(self) -> Kubernetes: ...  # the API of the platform's cluster


class EmptyTargetError(EnvironmentFault):
    """There is nothing for the fault to act on: an experiment on it would prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS call as IAM names it, `ecs:StopTask`, and the ARN it acts on (`*` where IAM knows no resource).

    Or one of Kubernetes by its verb, `kubernetes:patch nodes`, and the object, which has its namespace before it.
    """

    action: str
    resource: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is needed to inject a fault and to take it back, in any process, after any crash.

    `backup` holds the state about to be changed, as JSON; `created_at` Unix seconds. `radius` is the blast radius in
    words: how much of what there is the fault acts on.
    """

    fault: str
    targets: tuple[str, ...]
    calls: tuple[Call, ...]
    undo: tuple[Call, ...]
    backup: Mapping[str, Json]
    created_at: float
    radius: str = ""

    def to_json(self) -> str:
        """One line; `from_json` gives an equal plan back."""
        calls, undo = ([[call.action, call.resource] for call in part] for part in (self.calls, self.undo))
        return json.dumps(
            {
                "fault": self.fault,
                "targets": list(self.targets),
                "calls": calls,
                "undo": undo,
                "backup": self.backup,
                "created_at": self.created_at,
                "radius": self.radius,
            }
        )

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The plan that `to_json` wrote; `ValueError` or `KeyError` where the text is not one."""
        raw = json.loads(line)
        return cls(
            fault=raw["fault"],
            targets=tuple(raw["targets"]),
            calls=tuple(Call(action=action, resource=resource) for action, resource in raw["calls"]),
            undo=tuple(Call(action=action, resource=resource) for action, resource in raw["undo"]),
            backup=raw["backup"],
            created_at=raw["created_at"],
            radius=raw.get("radius", ""),
        )

    def reaching(self, radius: str) -> Self:
        """The same, with its blast radius in words."""
        return replace(self, radius=radius)

    def saved(self, key: str) -> Any:
        """What `plan` stored under `key` of the backup; the fault that stored it knows its type."""
        return self.backup[key]


class Fault(Protocol):
    """One way to break the platform. One file of `faults/`, under 80 lines, listed in `FAULTS`."""

    @property
    def name(self) -> str: ...  # the file's name with dashes; the journal finds the fault by it
    @property
    def title(self) -> str: ...  # one line for people: what happens to what
    @property
    def kind(self) -> Kind: ...
    @property
    def reads(self) -> tuple[str, ...]: ...  # actions, as `Call` names them, of plan, symptom and fingerprint
    @property
    def writes(self) -> tuple[str, ...]: ...  # those of inject and rollback, known before there is a plan

    def plan(self, cloud: Cloud, at: float) -> Plan:
        """Look at the target, back up what `inject` will change; reads only. `EmptyTargetError` where there is none."""

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        """Make the calls of the plan."""

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        """Take it back, or wait until the platform has healed. Idempotent; fine when nothing was injected."""

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """Evidence, in words, that the data plane felt the fault; None while there is none. A probe, not a record."""

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """The touched state. Equal before `inject` and after `rollback`, or the undo is not proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a fault waits for the platform, in seconds. Asking again and again is for APIs that announce nothing."""

    deadline_s: float = 60.0
    step_s: float = 0.1
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] = time.sleep

    def until_clear(self, look: Callable[[], str | None]) -> None:
        """Ask `look` until it gives no more reason to wait; `EnvironmentFault` with the last one after the deadline."""
        deadline, step_s = self.clock() + self.deadline_s, self.step_s
        while (reason := look()) is not None:
            if self.clock() >= deadline:
                raise EnvironmentFault(f"after {self.deadline_s:g} s still: {reason}")
            self.pause(step_s)
            step_s = min(step_s * 1.5, 2.0)
