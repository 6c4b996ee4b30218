"""Twenty threads that call every API in turns, as unmodified boto3 clients do: one run, two figures."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.mixed.calls import READS, Call, ClientOf, own_calls
from plugins.bench.shared import FigureOfRuns, SharedRuns
from plugins.slo import nearest_rank

THREADS = 20
ROUNDS = 4
"""How often each thread makes each of its calls, in an order of its own."""
_READY_S = 120.0


@dataclass(slots=True, kw_only=True)
class Made:
    """What one thread saw: how long its calls took (s), from when to when they went on, and what was wrong."""

    took: list[float] = field(default_factory=list)
    begun: float = 0.0
    ended: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedRun:
    """Calls answered a second, and their p99 in ms."""

    rate: float
    p99_ms: float


class MixedRuns(SharedRuns[MixedRun]):
    """Each thread makes resources of its own, waits for the others, calls, and takes away what it made."""

    def make(self, platform: Platform | None) -> MixedRun:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        client, ready = platform.client, Barrier(THREADS)
        with ThreadPoolExecutor(THREADS) as pool:
            mark = secrets.token_hex(3)  # the name of a queue that was deleted is not free for a minute
            names = [f"bench-mixed-{mark}-{number}" for number in range(THREADS)]
            running = [pool.submit(_called, client, name, ready) for name in names]
        return run_of([each.result() for each in running])


def run_of(made: Sequence[Made]) -> MixedRun:
    """The run of all threads; `EnvironmentFault` where a call failed, or went well only when it was tried again."""
    wrong: Counter[str] = sum((each.wrong for each in made), Counter())
    took = sorted(seconds for each in made for seconds in each.took)
    if wrong or not took:
        listed = ", ".join(f"{count} x {what}" for what, count in wrong.most_common(5))
        raise EnvironmentFault(f"of {len(took)} calls {wrong.total()} went wrong: {listed or 'there were none'}")
    lasted = max(each.ended for each in made) - min(each.begun for each in made)
    return MixedRun(rate=len(took) / lasted, p99_ms=1000 * (nearest_rank(took, 0.99) or 0.0))


def _called(client: ClientOf, name: str, ready: Barrier) -> Made:
    made = Made()
    try:
        with own_calls(client, name) as own:
            calls = [*READS, *own] * ROUNDS
            random.shuffle(calls)
            ready.wait(_READY_S)
            made.begun = time.perf_counter()
            for call in calls:
                _call(client, call, made)
            made.ended = time.perf_counter()
    except BaseException:
        ready.abort()  # nobody waits for a thread that has nothing to call
        raise
    return made


def _call(client: ClientOf, call: Call, made: Made) -> None:
    method = getattr(client(call.service), call.method)
    begun = time.perf_counter()
    try:
        answer: dict[str, Any] = method(**call.given)
        if call.method == "get_object":
            answer["Body"].read()
        wrong = "tried again" if answer["ResponseMetadata"]["RetryAttempts"] else ""
    except ClientError as refused:
        wrong = str(refused.response["Error"]["Code"])
    except BotoCoreError as failed:
        wrong = type(failed).__name__
    made.took.append(time.perf_counter() - begun)
    if wrong:
        made.wrong[f"{call.service}:{call.method} {wrong}"] += 1


class MixedCallsRate(FigureOfRuns[MixedRun]):
    """Calls answered a second, by twenty threads of one process on the platform's own cores."""

    name: ClassVar[str] = "mixed_calls_rate"
    unit: ClassVar[str] = "/s"

    def read(self, run: MixedRun) -> float:
        return run.rate


class MixedCallsLatency(FigureOfRuns[MixedRun]):
    """The p99 of each run, waiting for the process's other threads included."""

    name: ClassVar[str] = "mixed_calls_p99"
    unit: ClassVar[str] = "ms"

    def read(self, run: MixedRun) -> float:
        return run.p99_ms
