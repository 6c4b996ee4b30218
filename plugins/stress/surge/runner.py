"""Sends the surges: retires every sandbox, invokes from many threads at the same moment, puts the function back."""

import base64
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.embedded.engines.functions.report import Report
from infrastructure.environment import Environment
from plugins.stress import neighbours
from plugins.stress.claim import Profile
from plugins.stress.rehearsal import checkout_event, has_checked_out
from plugins.stress.surge.checkout import Checkout, Ending, SurgeEvidence, Wave
from services.catalog import FunctionService

if TYPE_CHECKING:
    from plugins.reporting.progress import Progress
    from plugins.stress.surge.claim import SurgeClaim

_RETIRES = "CAFE_SURGE"
"""An environment variable of the function that nothing reads. A new value makes every sandbox one of an old
configuration: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

A run that is killed leaves it behind. That is harmless, and nothing for the journal: no code reads it, and the next
surge takes it out, as does a deployment that changes the function's environment."""
_LEAVES = "before-send.lambda.Invoke"
"""botocore's event; what a handler of it returns, if it is not None, stands for the answer."""
_THROTTLED = "TooManyRequestsException"
_ARRIVE_S = 30.0
_EXCERPT_BYTES = 300


class Platform(neighbours.Platform, Protocol):
    """What a surge needs of a platform."""

    @property
    def environment(self) -> Environment: ...


def run(platform: Platform, claim: "SurgeClaim", profile: Profile, progress: "Progress") -> SurgeEvidence:
    """All rounds of `profile`: a wave that finds no sandbox, and at once one that finds them warm."""
    story, surge = claim.service.stress, Surge.of(platform, claim.service)
    waves: list[Wave] = []
    with (
        restored(surge.functions, surge.name) as environment,
        neighbours.watched(platform, claim.service) as others,
    ):
        for number in range(1, claim.rounds(profile) + 1):
            with progress.phase(f"{story.name}, surge {number} of {claim.rounds(profile)}", 0.0):
                retire(surge.functions, surge.name, environment)
                waves += [surge.wave(is_cold=True), surge.wave(is_cold=False)]
    return SurgeEvidence(waves=tuple(waves), others=others, latency_scale=platform.environment.slo.latency_scale)


@contextmanager
def restored(functions: Any, name: str) -> Iterator[Mapping[str, str]]:
    """The function's environment variables, which it has again when the block ends, however it ends."""
    found = functions.get_function_configuration(FunctionName=name)
    before: dict[str, str] = dict(found.get("Environment", {}).get("Variables", {}))
    before.pop(_RETIRES, None)  # of a run that was killed
    try:
        yield before
    finally:
        _configure(functions, name, before)


def retire(functions: Any, name: str, environment: Mapping[str, str]) -> None:
    """The next invocations find no sandbox: those there are belong to an older configuration."""
    _configure(functions, name, {**environment, _RETIRES: uuid.uuid4().hex})


def _configure(functions: Any, name: str, variables: Mapping[str, str]) -> None:
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": dict(variables)})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """`at_once` invocations of one function with one payload. `functions` is Lambda's client, used from all threads.

    `payload` carries the operators' token, so it is not shown: a traceback prints the arguments it passes through.
    """

    functions: Any
    name: str
    payload: bytes = field(repr=False)
    at_once: int

    @classmethod
    def of(cls, platform: Platform, service: FunctionService) -> "Surge":
        """The surge of the story of `service`."""
        return cls(
            functions=platform.client("lambda"),
            name=platform.output(service.key("FunctionName")),
            payload=checkout_event(service.stress.name, platform.operator_token()),
            at_once=service.stress.at_once,
        )

    def wave(self, *, is_cold: bool) -> Wave:
        """Invoke from `at_once` threads that wait for each other; returns when all have their answers."""
        moment = _Moment(self.at_once)
        with (
            _heard(self.functions.meta.events, moment.sends),
            ThreadPoolExecutor(self.at_once, thread_name_prefix="checkout") as threads,
        ):
            pending = [threads.submit(self._checkout, moment) for _ in range(self.at_once)]
            checkouts = tuple(one.result() for one in pending)
        return Wave(is_cold=is_cold, start=moment.at, end=time.time(), checkouts=checkouts)

    def _checkout(self, moment: "_Moment") -> Checkout:
        moment.arrive()
        try:
            answer = self.functions.invoke(FunctionName=self.name, Payload=self.payload, LogType="Tail")
            body = answer["Payload"].read()
        except ClientError as refused:
            is_throttled = refused.response["Error"]["Code"] == _THROTTLED
            return moment.checkout("throttled" if is_throttled else "failed", detail=str(refused))
        except BotoCoreError as lost:
            return moment.checkout("failed", detail=f"{type(lost).__name__}: {lost}")
        report = Report.parse(base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace"))
        is_ok = "FunctionError" not in answer and has_checked_out(body)
        return moment.checkout("ok" if is_ok else "failed", report, "" if is_ok else _excerpt(body))


@contextmanager
def _heard(events: Any, hears: Callable[..., None]) -> Iterator[None]:
    """`hears` is called in each thread as its invocation leaves, while the block runs."""
    events.register(_LEAVES, hears)
    try:
        yield
    finally:
        events.unregister(_LEAVES, hears)


def _excerpt(body: bytes) -> str:
    """The beginning of an answer, which may be cut off inside a character."""
    return body[:_EXCERPT_BYTES].decode("utf-8", "replace")


class _Moment:
    """When the wave breaks: once all threads have arrived."""

    def __init__(self, parties: int) -> None:
        self.at = 0.0
        self._since = 0.0
        self._sent = threading.local()
        self._barrier = threading.Barrier(parties, self._breaks)

    def _breaks(self) -> None:
        self.at, self._since = time.time(), time.perf_counter()

    def arrive(self) -> None:
        """Wait for the others; `BrokenBarrierError` when they do not all come."""
        self._barrier.wait(_ARRIVE_S)

    def sends(self, **_event: object) -> None:
        """This thread's request is made, signed, and about to leave; a second try of botocore's changes nothing."""
        if not hasattr(self._sent, "late_ms"):
            self._sent.late_ms = self._passed_ms()

    def _passed_ms(self) -> float:
        return (time.perf_counter() - self._since) * 1000

    def checkout(self, ending: Ending, report: Report | None = None, detail: str = "") -> Checkout:
        """What came of one invocation, now that it is over."""
        return Checkout(
            at=self.at,
            took_ms=self._passed_ms(),
            late_ms=getattr(self._sent, "late_ms", 0.0),
            ending=ending,
            init_ms=report.init_ms if report else None,
            duration_ms=report.duration_ms if report else None,
            detail=detail,
        )
