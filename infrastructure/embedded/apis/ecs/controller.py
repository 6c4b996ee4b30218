"""ECS: a task is a process, a service keeps as many of them healthy as it is told to.

The record says what is wanted, `ecs_schedule` decides, `ecs_tasks` carries it out; this is the loop between them. A
call, a task's death and a fork that is done each wake it, so nothing waits for a tick.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from infrastructure.embedded.apis.ecs import breaker
from infrastructure.embedded.apis.ecs.api import EcsApi
from infrastructure.embedded.apis.ecs.metrics import EcsMetrics
from infrastructure.embedded.apis.ecs.record import Deployment, EcsRecord, Exit, Record
from infrastructure.embedded.apis.ecs.schedule import FREE_FAILURES, ServiceView, TaskView, decide, hold_s
from infrastructure.embedded.apis.ecs.tasks import Live, Tasks
from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)

_START_GRACE_S = 20.0
"""Seconds a task has to become healthy for the first time, at any pace: starting a program does not get faster."""
_FIRST_HOLD_S = 10.0
_MOST_HOLD_S = 27 * 60.0
"""AWS holds a service that cannot start its tasks back for up to 27 minutes."""
_LOG_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Starts of a service that failed in a row, the last one at `at` (Unix seconds) for `reason`."""

    count: int = 0
    at: float = 0.0
    reason: str = ""
    log: tuple[str, ...] = ()


class EcsController:
    """Keeps every ECS service at its desired count with real processes."""

    name: ClassVar[str] = "ecs"
    watches: ClassVar[frozenset[str]] = frozenset({"ecs", "elasticloadbalancing"})
    PARTS: ClassVar[tuple[type, ...]] = (EcsApi,)

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._record = EcsRecord(context.backends.ecs, context.backends.ec2, context.region)
        operations = context.backends.operations
        operations.bind(self.name, EcsApi(self._record, operations))
        self._tasks = Tasks(context, self._record, self._on_ended)
        self._failures: dict[str, Failures] = {}
        self._defects: dict[str, str] = {}
        context.metrics.register(EcsMetrics(self._tasks).collect)

    async def reconcile(self, _key: str, /) -> float | None:
        now = self._clock()
        self._tasks.adopt(now)
        self._tasks.finish_ended(now)
        looks = [self._scheduled(service, now) for service in self._record.services()]
        self._stop_orphans(now)
        looks.append(self._tasks.advance(now))
        self._tasks.finish_ended(now)
        self._write_back(now)
        return min((max(at - now, 0.0) for at in looks if at is not None), default=None)

    def _scheduled(self, service: Record, now: float) -> float | None:
        """When to look at `service` again. One that cannot be scheduled does not keep the others from it."""
        try:
            look = self._schedule(service, now)
        except Exception as defect:  # noqa: BLE001  it is logged, and told as the reason why this service is not ready
            _log.exception("service %s cannot be scheduled", service.name)
            self._defects[service.arn] = f"{type(defect).__name__}: {defect}"
            return None
        self._defects.pop(service.arn, None)
        return look

    def _schedule(self, service: Record, now: float) -> float | None:
        self._record.roll_if_changed(service)
        view = self._view(service)
        if any(task.is_ready and task.deployment == view.deployment for task in view.tasks):
            self._failures.pop(service.arn, None)
            service.deployments[0]["failedTasks"] = 0
            view = replace(view, held_until=0.0)
        decision = decide(view, now)
        lives = {live.arn: live for live in self._tasks}
        for arn in decision.stops:
            self._unwant(service, lives[arn], now, is_failing=arn in decision.failing)
        for subnet in decision.starts:
            task = self._record.create_task(service, subnet)
            self._tasks.add(task, now, service=service.arn, groups=_groups(service))
        self._announce(service, decision.stops, len(decision.starts))
        return decision.look_again_at

    def _view(self, service: Record) -> ServiceView:
        configured = Deployment.of(service)
        failures = self._failures.get(service.arn, Failures())
        pace = self._context.pace
        hold = hold_s(failures.count, pace.seconds(_FIRST_HOLD_S), pace.seconds(_MOST_HOLD_S))
        return ServiceView(
            deployment=service.deployments[0]["id"],
            desired=service.desired_count,
            subnets=self._record.subnets(service),
            tasks=tuple(self._task_view(live, configured) for live in self._wanted(service)),
            minimum_percent=configured.minimum_percent,
            maximum_percent=configured.maximum_percent,
            held_until=failures.at + hold,
            is_given_up=service.deployments[0]["rolloutState"] == "FAILED",
        )

    def _wanted(self, service: Record) -> tuple[Live, ...]:
        return tuple(live for live in self._tasks if live.service == service.arn and live.is_wanted)

    def _task_view(self, live: Live, configured: Deployment) -> TaskView:
        health = self._tasks.health(live)
        grace_s = self._context.pace.seconds(configured.grace_s, at_least=0.0 if live.was_ready else _START_GRACE_S)
        return TaskView(
            arn=live.arn,
            deployment=live.record.started_by,
            az=live.record.availability_zone,
            created_at=live.record.created_at.timestamp(),
            grace_until=live.process.started_at + grace_s if live.process is not None else None,
            health=health,
        )

    def _unwant(self, service: Record, live: Live, now: float, *, is_failing: bool) -> None:
        reason = f"Scaling activity initiated by (deployment {service.deployments[0]['id']})"
        if is_failing:
            reason = f"Task failed ELB health checks in (target-group {', '.join(live.groups)})"
            self._count_failure(live, now, reason)
        self._record.unwanted(live.record, Exit(code="ServiceSchedulerInitiated", reason=reason), now)

    def _on_ended(self, live: Live, now: float) -> None:
        if live.record.stop_code in {"EssentialContainerExited", "TaskFailedToStart"}:
            self._count_failure(live, now, live.record.stopped_reason)

    def _count_failure(self, live: Live, now: float, reason: str) -> None:
        """A task that was healthy once and died later is replaced without any holding back."""
        service = self._service_of(live)
        if service is None or live.was_ready:
            return
        known = self._failures.get(service.arn, Failures())
        log = self._context.supervisor.tail(live.process.spec.id, _LOG_LINES) if live.process else ()
        self._failures[service.arn] = Failures(count=known.count + 1, at=now, reason=reason, log=log)
        for deployment in service.deployments:
            if deployment["id"] == live.record.started_by:
                deployment["failedTasks"] += 1
        if known.count == FREE_FAILURES:
            self._record.event(service, "is unable to consistently start tasks successfully.")
        if breaker.trip(self._record, service):
            self._failures.pop(service.arn, None)
            self._context.wake(self.name)

    def _service_of(self, live: Live) -> Record | None:
        return next((s for s in self._record.services() if s.arn == live.service), None)

    def _stop_orphans(self, now: float) -> None:
        """Tasks of a service that is gone altogether, as after the deletion of its stack."""
        standing = {service.arn for service in self._record.services()}
        for live in self._tasks:
            if live.service is not None and live.service not in standing:
                reason = Exit(code="ServiceSchedulerInitiated", reason="The service was deleted")
                self._record.unwanted(live.record, reason, now)

    def _announce(self, service: Record, stops: Iterable[str], starts: int) -> None:
        ids = " ".join(f"(task {arn.rsplit('/', 1)[-1]})" for arn in stops)
        if ids:
            self._record.event(service, f"has stopped {ids.count('(')} running tasks: {ids}.")
        if starts:
            self._record.event(service, f"has started {starts} tasks.")

    def _write_back(self, now: float) -> None:
        for service in self._record.services():
            is_steady = not self._unsettled(service)
            if self._record.count(service, is_steady=is_steady):
                self._record.event(service, "has reached a steady state.")
            if service.status == "DRAINING" and not any(live.service == service.arn for live in self._tasks):
                service.status = "INACTIVE"
        self._record.count_clusters()
        self._record.forget_stopped(now)

    def unsettled(self) -> tuple[str, ...]:
        """Why services do not have their desired count of healthy tasks, with the log of the last failure."""
        return tuple(reason for service in self._record.services() if (reason := self._unsettled(service)))

    def _unsettled(self, service: Record) -> str:
        if service.status != "ACTIVE":
            return ""
        primary = service.deployments[0]["id"]
        wanted = self._wanted(service)
        own = [live for live in wanted if live.record.started_by == primary]
        healthy = sum(self._tasks.health(live) == "healthy" for live in own)
        if healthy == service.desired_count == len(wanted):
            return ""
        if service.arn in self._defects:
            return f"service {service.name} cannot be scheduled: {self._defects[service.arn]}"
        failures = self._failures.get(service.arn, Failures())
        last = f"; the last one failed: {failures.reason}" if failures.count else ""
        log = "".join(f"\n    | {line}" for line in failures.log)
        others = f", {len(wanted) - len(own)} of an older deployment" if len(wanted) > len(own) else ""
        return f"service {service.name}: {healthy} of {service.desired_count} tasks are healthy{others}{last}{log}"

    async def close(self) -> None:
        await self._tasks.close()


def _groups(service: Record) -> tuple[str, ...]:
    found = (balancer.get("targetGroupArn") for balancer in service.load_balancers or ())
    return tuple(dict.fromkeys(group for group in found if group))
