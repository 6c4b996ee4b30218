"""Offers a plan's arrivals from inside a gevent process, and records what came of each.

    pacer greenlet ──launch──> pool of at most max_in_flight greenlets, one journey each ──> recorder ──1/s──> sink

Works without Locust; `plugins.load.locust_user` is what makes it one of Locust's users.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import gevent
from gevent.event import Event
from gevent.pool import Pool

from plugins.load.arrivals import schedule
from plugins.load.client import Client, NoAnswerError, NotSentError
from plugins.load.journeys import Journey, journey
from plugins.load.pacer import pace
from plugins.load.plan import LoadPlan
from plugins.load.recorder import Lines, Recorder, Sink, keep
from plugins.load.visit import Memory, Reply, Visit

FLUSH_S = 1.0

_EPOCH = time.time() - time.monotonic()


def now() -> float:
    """Unix seconds on a clock that nobody sets while a schedule runs on it."""
    return _EPOCH + time.monotonic()


Observed = Callable[[Journey, float, str | None], None]
"""Called with each ending: the journey, its latency in seconds from the scheduled start, the kind of its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which arrivals are this generator's: every `of`-th, starting with number `index`."""

    index: int = 0
    of: int = 1


class Generator:
    """One run of one plan. `run` blocks for the length of the schedule; `finish` lets the rest end and flushes.

    `defect` is called with what ends a run: an exception of ours (a journey's own bug), or a `LoadError` where nothing
    can be recorded any more; never with anything the server did.
    """

    def __init__(
        self,
        plan: LoadPlan,
        url: str,
        sink: Sink,
        *,
        share: Share = Share(),
        observed: Observed = lambda journey, latency, error: None,
        defect: Callable[[Exception], None],
    ) -> None:
        self._plan = plan
        self._share = share
        self._sink = sink
        self._observed = observed
        self._defect = defect
        self._recorder = Recorder()
        self._memory = Memory()
        self._client = Client(url, connections=plan.max_in_flight, timeout_s=plan.timeout_s)
        self._pool = Pool(plan.max_in_flight)
        self._draw = random.Random(f"{plan.seed}/{share.index}")  # noqa: S311 - a repeatable load, no secret
        self._run_id = uuid.uuid4().hex
        self._number = 0
        self._journeys, self._weights = zip(*((journey(name), part) for name, part in plan.shares), strict=True)
        self.is_through = False  # was every arrival offered? A run that is stopped offers fewer.
        self._finishing = False
        self._has_given_up = False
        self._finished = Event()
        self._flusher = gevent.spawn(self._flush_regularly)

    def warm_up(self) -> None:
        """Connect; call it before the schedule begins."""
        self._client.warm_up()

    def run(self, started: float) -> None:
        """Launch every arrival of the schedule that began at `started` (Unix seconds)."""
        pace(self._offsets(), self._launch, started=started, clock=now, sleep=gevent.sleep)
        self.is_through = not self._finishing

    def finish(self) -> None:
        """Wait for the journeys under way, give up on the endless, write the last lines. Safe to repeat."""
        if self._finishing:
            self._finished.wait()
            return
        self._finishing = True
        self._pool.join(timeout=self._plan.longest_s)
        self._has_given_up = True
        self._pool.kill()
        self._flusher.kill()
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 - handed on, as any other defect
            self._defect(error)
        finally:
            self._client.close()
            self._finished.set()

    def _offsets(self) -> Iterator[float]:
        for offset in islice(schedule(self._plan.arrivals), self._share.index, None, self._share.of):
            if offset >= self._plan.length_s or self._finishing:
                return
            yield offset

    def _launch(self, due: float) -> None:
        if self._finishing:
            return
        (chosen,) = self._draw.choices(self._journeys, self._weights)
        self._number += 1
        if self._pool.full():
            self._recorder.dropped(chosen.name, due)
        else:
            self._pool.spawn(self._visit, chosen, due, self._number)

    def _visit(self, chosen: Journey, due: float, number: int) -> None:
        self._recorder.started(chosen.name, due, now() - due)
        visit = Visit(
            key=f"{self._run_id}-{self._share.index}-{number}",
            scheduled_at=due,
            ask=self._ask,
            draw=random.Random(f"{self._plan.seed}/{self._share.index}/{number}"),  # noqa: S311 - as above
            clock=now,
            sleep=self._rest,
            ordered=self._recorder.ordered,
            memory=self._memory,
            retry=self._plan.retry,
        )
        try:
            ending = chosen.run(visit)
        except Exception as error:  # noqa: BLE001 - a journey's defect, handed on: it must end the run, not a greenlet
            self._defect(error)
            return
        latency = now() - due
        self._recorder.finished(chosen.name, due, latency, ending.error, ending.retries)
        self._observed(chosen, latency, ending.error)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        if self._has_given_up:
            return Reply(failure="given up", is_sent=False)
        try:
            answer = self._client.request(method, path, headers, body)
        except gevent.GreenletExit:  # from `finish`: the journey still has to say what became of its order
            return Reply(failure="given up")
        except NotSentError as error:
            return Reply(failure=str(error), is_sent=False)
        except NoAnswerError as error:
            return Reply(failure=str(error))
        return Reply(status=answer.status, body=answer.body, retry_after_s=answer.retry_after_s)

    def _rest(self, seconds: float) -> None:
        try:
            gevent.sleep(seconds)
        except gevent.GreenletExit:  # as in `_ask`
            return

    def _flush_regularly(self) -> None:
        try:
            while True:
                gevent.sleep(FLUSH_S)
                self._flush()
        except Exception as error:  # noqa: BLE001 - handed on: a run of which nothing is kept has to end
            self._defect(error)

    def _flush(self) -> None:
        lines = self._recorder.drain()
        if lines != Lines():
            keep(self._sink, lines)
