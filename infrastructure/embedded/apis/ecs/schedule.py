"""What the ECS service scheduler decides: from a service and its tasks to the tasks to start and to stop. Pure.

                 now >= due                     health says so
    waiting ───────────────▶ rising ─────────────────────────────▶ ready
                               │                                     │ unhealthy, grace period over
                               └──────────── unhealthy ─────────▶ failing ──▶ replaced

Rules as AWS documents them, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/:
- at most `desired x maximumPercent` tasks are wanted at a time (rounded down), and no healthy one is stopped while
  fewer than `desired x minimumHealthyPercent` (rounded up) would be left (deployment-type-ecs.html);
- a failing task is replaced before it is stopped, as far as the maximum allows (service-replacing-unhealthy-tasks);
- tasks are spread over Availability Zones, and scaling in takes from the fullest (service-rebalancing.html);
- a service whose tasks keep failing to start is held back, longer each time (service-throttle-logic.html).

Stopping tasks count for nothing: a replacement never waits for its predecessor's end. Times are Unix seconds.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Health = Literal["initial", "healthy", "unhealthy"]

FREE_FAILURES = 2
"""Starts that may fail in a row before the next one has to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """Where a task may be placed."""

    id: str
    az: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A wanted task. Being unhealthy counts from `grace_until` on, which is None while its process does not run."""

    arn: str
    deployment: str
    az: str
    created_at: float
    grace_until: float | None = None
    health: Health = "initial"

    @property
    def is_ready(self) -> bool:
        return self.grace_until is not None and self.health == "healthy"

    @property
    def failing_at(self) -> float | None:
        """When an unhealthy task's grace period ends; None for every other."""
        return self.grace_until if self.health == "unhealthy" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A service and all of its wanted tasks; `deployment` is the primary one, percents are its configuration's."""

    deployment: str
    desired: int
    subnets: tuple[Subnet, ...]
    tasks: tuple[TaskView, ...] = ()
    minimum_percent: int = 100
    maximum_percent: int = 200
    held_until: float = 0.0
    is_given_up: bool = False
    """Whether its circuit breaker ended the deployment: nothing more is started."""

    @property
    def most(self) -> int:
        return self.desired * self.maximum_percent // 100

    @property
    def fewest(self) -> int:
        return math.ceil(self.desired * self.minimum_percent / 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Subnets to start a task in each, tasks to stop, tasks that fail, and when to look again if nothing happens."""

    starts: tuple[Subnet, ...] = ()
    stops: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    look_again_at: float | None = None


def decide(service: ServiceView, now: float) -> Decision:
    """What to do for `service` at `now`. Deciding again after doing it changes nothing."""
    failing = tuple(t for t in service.tasks if _is_failing(t, now))
    sound = tuple(t for t in service.tasks if t.deployment == service.deployment and t not in failing)
    stops = _stops(service, failing, sound)
    missing = service.desired - len(sound)
    room = service.most - len(service.tasks) + len(stops)
    count = 0 if service.is_given_up else max(min(missing, room), 0)
    is_held = count > 0 and now < service.held_until
    staying = tuple(t for t in service.tasks if t not in failing and t not in stops)
    return Decision(
        starts=() if is_held else _places(service.subnets, staying, count),
        stops=tuple(t.arn for t in stops),
        failing=tuple(t.arn for t in failing),
        look_again_at=_look_again_at(service, now, is_held=is_held),
    )


def hold_s(failures: int, first_s: float, most_s: float) -> float:
    """How long a service with `failures` failed starts in a row waits for the next one."""
    if failures <= FREE_FAILURES:
        return 0.0
    return min(first_s * 2.0 ** min(failures - FREE_FAILURES - 1, 30), most_s)


def _is_failing(task: TaskView, now: float) -> bool:
    at = task.failing_at
    return at is not None and now >= at


def _stops(service: ServiceView, failing: tuple[TaskView, ...], sound: tuple[TaskView, ...]) -> tuple[TaskView, ...]:
    old = tuple(t for t in service.tasks if t.deployment != service.deployment and t not in failing)
    ready = sum(t.is_ready for t in service.tasks if t not in failing)
    spare = max(ready - service.fewest, 0)
    return (
        *_failing_to_stop(service, failing, ready),
        *(t for t in old if not t.is_ready),
        *[t for t in old if t.is_ready][:spare],
        *_surplus(service, sound),
    )


def _failing_to_stop(service: ServiceView, failing: tuple[TaskView, ...], ready: int) -> tuple[TaskView, ...]:
    """All of them once the healthy ones suffice; one at a time where a replacement has no room beside it."""
    if ready >= service.desired:
        return failing
    gone = tuple(t for t in failing if t.deployment != service.deployment)
    if len(service.tasks) - len(gone) >= service.most:
        staying = [t for t in failing if t not in gone]
        return (*gone, *staying[: len(service.tasks) - len(gone) - service.most + 1])
    return gone


def _surplus(service: ServiceView, sound: tuple[TaskView, ...]) -> tuple[TaskView, ...]:
    """Tasks above the desired count: those not yet ready first, then from the fullest zone, the youngest first."""
    staying = list(sound)
    surplus = []
    while len(staying) > service.desired:
        crowd = Counter(t.az for t in staying)
        chosen = max(staying, key=lambda t: (not t.is_ready, crowd[t.az], t.created_at, t.arn))
        staying.remove(chosen)
        surplus.append(chosen)
    return tuple(surplus)


def _places(subnets: tuple[Subnet, ...], staying: tuple[TaskView, ...], count: int) -> tuple[Subnet, ...]:
    """A subnet for each of `count` new tasks, always in the emptiest zone; nothing when there is nowhere to be."""
    crowd = Counter(t.az for t in staying)
    places = []
    for _ in range(count if subnets else 0):
        chosen = min(subnets, key=lambda s: crowd[s.az])
        crowd[chosen.az] += 1
        places.append(chosen)
    return tuple(places)


def _look_again_at(service: ServiceView, now: float, *, is_held: bool) -> float | None:
    ends = [at for t in service.tasks if (at := t.failing_at) is not None and at > now]
    if is_held:
        ends.append(service.held_until)
    return min(ends, default=None)
