"""The open model as a Locust user: Locust's statistics, web UI, CSV files and master/worker work as with any other.

    local     test_start: a Generator ─ user: paces ─ finish ─ quit
    master    test_start: hands out shares and the common start ─ collects lines ─ all done: quit
    worker    as local, but share, plan and start come from the master and its lines go there

One generator per process, whatever number of users is asked for: in an open model the rate is the load, not the users.
"""

import logging
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gevent
from gevent.event import Event
from locust import User, events, task
from locust.env import Environment
from locust.exception import RPCError, StopUser
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from infrastructure.errors import CafeError, ExitCode, UsageError
from plugins.load import interruption
from plugins.load.errors import LoadError
from plugins.load.generator import Generator, Share, now
from plugins.load.journeys import Journey
from plugins.load.last_tables import keep_when_written
from plugins.load.one_user import OneUserPerWorker
from plugins.load.plan import Assignment, of_json, to_json
from plugins.load.recorder import FileSink, Lines, keep
from plugins.load.samples import next_slot

SHARE, FINISH, LINES, DONE, DEFECT = "cafe_share", "cafe_finish", "cafe_lines", "cafe_done", "cafe_defect"
"""Messages between master and workers."""

_LEAD_S = 1.0
"""From handing out the shares to the first arrival: every worker has its share by then."""
_GRACE_S = 5.0
_LOOK_S = 1.0
"""How often the master looks whether those it still waits for are there; Locust itself looks as often."""

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where a session gets its work from, and who wants to know how it went. Never called in a worker."""

    def prepare(self, environment: Environment) -> None: ...  # options are parsed; sets environment.host
    def assignment(self, environment: Environment) -> Assignment: ...  # a run is about to start
    def started(self, assignment: Assignment, at: float) -> None: ...  # its first arrival is due at Unix time `at`
    def judged(self, doubts: Sequence[str]) -> ExitCode: ...  # Locust is about to end; every line is written
    def report(self) -> str: ...  # what to print last


class Session:
    """What one Locust process does from `init` to `quit`; runs as often as the web UI's start button is pressed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._environment: Any = None
        self._assignment: Assignment | None = None
        self._share: tuple[Share, float] | None = None
        self._generator: Generator | None = None
        self._sink: FileSink | None = None
        self._waiting_for: set[str] = set()
        self._doubts: tuple[str, ...] = ()
        self._all_done = Event()
        self._overdue_at = math.inf
        self._is_claimed = self._is_stopping = self._is_done = self._is_reported = self._is_cut = False
        interruption.bind_forks()
        events.init.add_listener(self._on_init)

    # One run, in the process that generates.

    def offer(self) -> None:
        """The user's one task: the whole schedule. A second user of the same process has nothing to do."""
        if self._generator is None or self._is_claimed:
            raise StopUser
        self._is_claimed = True
        try:
            self._generator.warm_up()
            self._generator.run(self._begin())
            self._generator.finish()
        except Exception as error:  # noqa: BLE001 - a bug: Locust would start the task over
            self._on_defect(error)
        self._done()
        raise StopUser

    def _begin(self) -> float:
        if self._share is not None:
            return self._share[1]
        started = next_slot(now())
        if self._assignment is not None:
            self._source.started(self._assignment, started)
        return started

    def _done(self) -> None:
        if self._is_worker:
            self._finish()
        else:
            gevent.spawn(self._end_run)

    def _finish(self) -> None:
        """The last journeys end, the last lines are written. Whoever calls it a second time waits for the first."""
        if self._generator is not None:
            self._generator.finish()
            self._is_cut |= not self._generator.is_through
            if self._is_worker and not self._is_done:
                self._is_done = True
                self._send(DONE, {"is_cut": self._is_cut})

    def _end_run(self) -> None:
        """Headless there is nothing left to do; with the web UI another run may follow."""
        runner = self._environment.runner
        if self._environment.web_ui is None:
            runner.quit()
        else:
            runner.stop()

    def _observed(self, journey: Journey, latency_s: float, error: str | None) -> None:
        self._environment.events.request.fire(
            request_type=journey.method,
            name=journey.path,
            response_time=latency_s * 1000,
            response_length=0,
            exception=None if error is None else _Failed(error),
            context={},
        )

    def _on_defect(self, error: Exception) -> None:
        known = error if isinstance(error, CafeError) else None
        _log.error("the load generator itself failed: %s", error, exc_info=None if known else error)
        code = known.exit_code if known else ExitCode.INTERNAL
        self._fail(code)
        if self._is_worker:
            self._send(DEFECT, {"error": str(known or repr(error)), "exit_code": int(code)})

    def _fail(self, code: int) -> None:
        self._environment.process_exit_code = int(code)
        if not self._is_worker:
            gevent.spawn(self._environment.runner.quit)

    # Locust's events.

    def _on_init(self, environment: Any, runner: Any, web_ui: Any, **_: object) -> None:
        self._environment = environment
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stopping.add_listener(self._on_test_stopping)
        environment.events.test_stop.add_listener(self._on_test_stop)
        environment.events.quitting.add_listener(self._on_quitting)
        if self._is_worker:
            interruption.as_usual()
            runner.register_message(SHARE, self._on_share)
            runner.register_message(FINISH, self._on_finish, concurrent=True)
            return
        if self._is_master:
            runner.register_message(LINES, self._on_lines)
            runner.register_message(DONE, self._on_done)
            runner.register_message(DEFECT, self._on_worker_defect)
        if self._is_master or web_ui is not None:
            environment.shape_class = OneUserPerWorker(lambda: self.is_over)
            environment.shape_class.runner = runner
        environment.events.quit.add_listener(self._on_quit)
        self._source.prepare(environment)
        if not self._waits_for_workers:
            interruption.as_usual()

    def _on_test_start(self, **_: object) -> None:
        self._generator = None  # whatever is wrong with this run, the one before it is over
        try:
            self._prepare_run()
        except UsageError as problem:  # typed into the web UI, which stays for the next try
            _log.error("%s", problem)
            gevent.spawn(self._end_run)
        except Exception as error:  # noqa: BLE001 - Locust logs what a listener raises and goes on without it
            self._on_defect(error)

    def _prepare_run(self) -> None:
        self._is_claimed = self._is_stopping = self._is_done = self._is_cut = False
        self._doubts = ()
        if self._is_worker:
            if self._assignment is not None and self._share is not None:
                self._generator = self._generate(self._assignment, _ToMaster(self._send), self._share[0])
            return
        assignment = self._assignment = self._source.assignment(self._environment)
        if self._sink is not None:
            self._sink.close()
        self._sink = FileSink(assignment.folder)
        self._overdue_at = now() + _LEAD_S + assignment.plan.length_s + assignment.plan.longest_s + _GRACE_S
        if self._is_master:
            self._hand_out(assignment)
        else:
            self._generator = self._generate(assignment, self._sink, Share())

    def _on_test_stopping(self, **_: object) -> None:
        """The master goes deaf half a second after asking its workers to quit, so it hears them out before."""
        self._is_stopping = True
        if self._assignment is None or not self._waiting_for:
            return
        for client in tuple(self._waiting_for):
            self._environment.runner.send_message(FINISH, {}, client_id=client)
        ends = now() + self._assignment.plan.longest_s + _GRACE_S
        while self._waiting_for - self._lost and now() < ends:
            self._all_done.wait(timeout=_LOOK_S)
        if self._waiting_for:
            names = ", ".join(sorted(self._waiting_for))
            self._doubts = (f"the load was not the plan's: lost with their share of it were the workers {names}",)

    def _on_test_stop(self, **_: object) -> None:
        self._overdue_at = math.inf
        self._finish()

    def _on_quitting(self, **_: object) -> None:
        """The exit code is settled right after this event, so the run has to be over and written down by now."""
        interruption.leave_at_once()
        self._environment.runner.stop()
        self._finish()
        if not self._is_worker:
            keep_when_written(self._environment.runner.stats)
        if not self._is_worker and self._environment.process_exit_code is None:
            cut = ("it was stopped before the end of its schedule",) if self._is_cut else ()
            self._environment.process_exit_code = int(self._source.judged((*self._doubts, *cut)))

    def _on_quit(self, **_: object) -> None:
        report = self._source.report()
        if report and not self._is_reported:
            self._is_reported = True
            # The result of the run, after Locust's own tables; with --json stdout is for a program to read.
            file = sys.stderr if self._environment.parsed_options.json else sys.stdout
            print(report, file=file, flush=True)

    # Master and workers.

    def _hand_out(self, assignment: Assignment) -> None:
        runner = self._environment.runner
        if self._waits_for_workers:
            interruption.as_usual()
            interruption.on_sigterm(self._end_run)
        clients = [client.id for client in runner.clients.ready]
        started = next_slot(now() + _LEAD_S)
        self._waiting_for = set(clients)
        self._all_done.clear()
        for index, client in enumerate(clients):
            job = {"assignment": to_json(assignment), "index": index, "of": len(clients), "started_at": started}
            runner.send_message(SHARE, job, client_id=client)
        self._source.started(assignment, started)

    def _on_share(self, msg: Any, **_: object) -> None:
        self._assignment = of_json(msg.data["assignment"])
        self._share = (Share(index=msg.data["index"], of=msg.data["of"]), msg.data["started_at"])

    def _on_finish(self, **_: object) -> None:
        self._finish()

    def _on_lines(self, msg: Any, **_: object) -> None:
        if self._sink is None:
            return
        try:
            keep(self._sink, Lines(samples=tuple(msg.data["samples"]), history=tuple(msg.data["history"])))
        except LoadError as error:
            self._sink.close()
            self._sink = None
            self._on_defect(error)

    def _on_done(self, msg: Any, **_: object) -> None:
        if msg.node_id in self._waiting_for:
            self._is_cut |= msg.data["is_cut"]
            self._waiting_for.discard(msg.node_id)
            if not self._waiting_for:
                self._all_done.set()
                if not self._is_stopping:
                    gevent.spawn(self._end_run)

    def _on_worker_defect(self, msg: Any, **_: object) -> None:
        _log.error("the load generator of worker %s failed: %s", msg.node_id, msg.data["error"])
        self._fail(msg.data["exit_code"])

    def _send(self, kind: str, data: dict[str, object]) -> None:
        try:
            self._environment.runner.send_message(kind, data)
        except RPCError:
            _log.exception("the master is gone; what this worker recorded since its last message is lost")

    def _generate(self, assignment: Assignment, sink: Any, share: Share) -> Generator:
        return Generator(
            assignment.plan,
            assignment.host,
            sink,
            share=share,
            observed=self._observed,
            defect=self._on_defect,
        )

    @property
    def is_over(self) -> bool:
        """A worker was lost, and with it the message that it is done; the others have sent theirs, or are overdue."""
        is_only_the_lost = bool(self._waiting_for) and not self._waiting_for - self._lost
        return is_only_the_lost or now() > self._overdue_at

    @property
    def _lost(self) -> set[str]:
        """Workers that have not reported their end and send the master no sign of life either."""
        known = self._environment.runner.clients.all if self._is_master else ()
        return self._waiting_for - {client.id for client in known if client.state != STATE_MISSING}

    @property
    def _is_worker(self) -> bool:
        return isinstance(self._environment.runner, WorkerRunner)

    @property
    def _waits_for_workers(self) -> bool:
        """Headless, Locust's main greenlet waits for workers, then for the end of the run; it hears no signal."""
        return self._is_master and self._environment.web_ui is None

    @property
    def _is_master(self) -> bool:
        return isinstance(self._environment.runner, MasterRunner)


class _ToMaster:
    """A worker's lines travel; the master has the files."""

    def __init__(self, send: Callable[[str, dict[str, object]], None]) -> None:
        self._send = send

    def write(self, lines: Lines) -> None:
        self._send(LINES, {"samples": lines.samples, "history": lines.history})


class _Failed(Exception):
    """The kind of an error, as Locust groups failures."""

    def __repr__(self) -> str:
        return str(self)


def open_model_user(source: Source) -> type[User]:
    """A user class for a locustfile: `Customers = open_model_user(source)`."""
    session = Session(source)

    class Customers(User):  # type: ignore[misc]  # Locust publishes no types
        """All customers of one process."""

        @task  # type: ignore[untyped-decorator]  # Locust publishes no types
        def offer(self) -> None:
            session.offer()

    return Customers
