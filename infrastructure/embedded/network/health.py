"""Health checks of load balancer targets, by AWS's rules: one task per target, the state machine below per target.

                  1 success                 unhealthy_threshold failures in a row
    initial ──────────────────▶ healthy ─────────────────────────────────────────▶ unhealthy
       │                           ▲                                                 │  ▲
       │                           └──────── healthy_threshold successes in a row ───┘  │
       └───────────── initial_threshold failures in a row ──────────────────────────────┘

A new target needs one success only; the healthy threshold is for one that was unhealthy. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

import asyncio
import logging
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.pace import Pace

USER_AGENT = "ELB-HealthChecker/2.0"
SHORTEST_INTERVAL_S, SHORTEST_CALM_S = 0.1, 1.0
"""Between two checks at any pace: of a target whose state is in question, and of one that is well and has just shown
it. A check costs both sides about a millisecond of CPU, and most of an idle platform's targets are well."""
SHORTEST_TIMEOUT_S = 1.0
"""A busy machine answers late without being ill: health checks keep this much time at any pace."""
SHORTEST_START_S = 5.0
"""Nor does a process start faster at a faster pace: a new target may fail its checks for this long."""
_LONGEST_STATUS_LINE = 8192

_log = logging.getLogger(__name__)

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What DescribeTargetHealth says of a target; `reason` and `description` are empty exactly when it is healthy."""

    state: str
    reason: str = ""
    description: str = ""


HEALTHY = Health(state="healthy")
CHECKING = Health(state="initial", reason="Elb.InitialHealthChecking", description="Initial health checks in progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How to check. Lengths in seconds; `codes` as AWS's matcher writes them: `200`, `200,202`, `200-299`."""

    protocol: Literal["HTTP", "TCP"]
    path: str
    interval_s: float
    calm_s: float = 0.0
    """The interval while a target is healthy and its last check was a success; `interval_s` when that is longer."""
    timeout_s: float
    healthy_threshold: int
    unhealthy_threshold: int
    initial_threshold: int = 0
    """Failures in a row until a new target is unhealthy; AWS has the unhealthy threshold here, which is the least."""
    codes: str = "200"

    def at(self, pace: Pace) -> "Policy":
        """This one, which is as configured, at a pace."""
        interval_s = pace.seconds(self.interval_s, at_least=SHORTEST_INTERVAL_S)
        return replace(
            self,
            interval_s=interval_s,
            calm_s=pace.seconds(self.interval_s, at_least=SHORTEST_CALM_S),
            timeout_s=pace.seconds(self.timeout_s, at_least=SHORTEST_TIMEOUT_S),
            initial_threshold=math.ceil(SHORTEST_START_S / interval_s),
        )

    def accepts(self, status: int) -> bool:
        parts = self.codes.split(",")
        return any(int(part.partition("-")[0]) <= status <= int(part.rpartition("-")[2]) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What one check found: a success has no reason."""

    reason: str = ""
    description: str = ""

    @property
    def is_success(self) -> bool:
        return not self.reason


SUCCESS = CheckOutcome()
TIMED_OUT = CheckOutcome(reason="Target.Timeout", description="Request timed out")
FAILED = CheckOutcome(reason="Target.FailedHealthChecks", description="Health checks failed")


def mismatch(status: int) -> CheckOutcome:
    """A response came, with a status the policy does not accept."""
    return CheckOutcome(
        reason="Target.ResponseCodeMismatch", description=f"Health checks failed with these codes: [{status}]"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """A target's state and the run of equal outcomes that may change it. `after` gives the next one."""

    health: Health = CHECKING
    successes: int = 0
    failures: int = 0

    def until_next_s(self, policy: Policy) -> float:
        """From the start of one check to the start of the next."""
        is_calm = self.health.state == "healthy" and not self.failures
        return max(policy.interval_s, policy.calm_s) if is_calm else policy.interval_s

    def after(self, outcome: CheckOutcome, policy: Policy) -> "TargetState":
        if outcome.is_success:
            enough = 1 if self.health.state == "initial" else policy.healthy_threshold
            is_up = self.health.state == "healthy" or self.successes + 1 >= enough
            return TargetState(health=HEALTHY if is_up else self.health, successes=self.successes + 1)
        failures = self.failures + 1
        too_many = policy.unhealthy_threshold
        if self.health.state == "initial":
            too_many = max(too_many, policy.initial_threshold)
        is_down = self.health.state == "unhealthy" or failures >= too_many
        down = Health(state="unhealthy", reason=outcome.reason, description=outcome.description)
        return TargetState(health=down if is_down else self.health, failures=failures)


async def probe(endpoint: Endpoint | None, policy: Policy) -> CheckOutcome:
    """Check once, on a connection of its own as AWS does, within the policy's time-out."""
    if endpoint is None:
        return FAILED
    try:
        async with asyncio.timeout(policy.timeout_s):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, limit=_LONGEST_STATUS_LINE)
            try:
                return SUCCESS if policy.protocol == "TCP" else await _ask(reader, writer, endpoint, policy)
            finally:
                writer.close()
    except TimeoutError:
        return TIMED_OUT
    except (OSError, ValueError):  # refused, reset, or no HTTP: a status line that is none or never ends
        return FAILED


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, endpoint: Endpoint, policy: Policy
) -> CheckOutcome:
    writer.write(
        f"GET {policy.path} HTTP/1.1\r\nHost: {endpoint.host}:{endpoint.port}\r\n"
        f"User-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n".encode()
    )
    status_line = await reader.readline()
    version, status, *_ = [*status_line.split(maxsplit=2), b"", b""]
    if not version.startswith(b"HTTP/1."):
        return FAILED
    return SUCCESS if policy.accepts(int(status)) else mismatch(int(status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A target to check: where, and how. Without an endpoint nothing is contacted and every check fails."""

    endpoint: Endpoint | None
    policy: Policy


class HealthChecks(Generic[KeyT]):
    """Checks every target it was last told of, each in its own time; `on_change` hears of each change of state."""

    def __init__(self, on_change: Callable[[KeyT, Health], None]) -> None:
        self._on_change = on_change
        self._checks: dict[KeyT, Check] = {}
        self._records: dict[KeyT, TargetState] = {}
        self._tasks: dict[KeyT, asyncio.Task[None]] = {}

    def follow(self, checks: Mapping[KeyT, Check]) -> None:
        """From now on check exactly these. A known target keeps its state, also when its policy has changed."""
        for key in self._checks.keys() - checks.keys():
            self._tasks.pop(key).cancel()
            del self._checks[key], self._records[key]
        for key, check in checks.items():
            is_new = key not in self._checks
            self._checks[key] = check
            if is_new:
                self._records[key] = TargetState()
                self._tasks[key] = asyncio.create_task(self._run(key))

    def health(self, key: KeyT) -> Health | None:
        """The target's state; None when it is not checked."""
        record = self._records.get(key)
        return None if record is None else record.health

    async def close(self) -> None:
        tasks = tuple(self._tasks.values())
        self.follow({})
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, key: KeyT) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            check = self._checks[key]
            self._count(key, await probe(check.endpoint, check.policy), check.policy)
            pause_s = self._records[key].until_next_s(self._checks[key].policy)
            await asyncio.sleep(max(began + pause_s - loop.time(), 0.0))

    def _count(self, key: KeyT, outcome: CheckOutcome, policy: Policy) -> None:
        before = self._records[key]
        after = self._records[key] = before.after(outcome, policy)
        if after.health != before.health:
            _log.info("target %s: %s -> %s %s", key, before.health.state, after.health.state, after.health.description)
            try:
                self._on_change(key, after.health)
            except Exception:  # noqa: BLE001 - a defect there must not end the checks: the target would keep its state
                _log.exception("the change of target %s was not taken notice of", key)
