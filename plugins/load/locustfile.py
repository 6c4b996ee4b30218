"""Makes a declared scenario a locustfile: `locust -f suites/load/morning_rush.py`, with everything Locust can do.

    --rate R          arrivals per second at the peak
    -t 15s            the whole morning in fifteen seconds
    --profile P       quick or full
    --host U          load U; without it the platform that is up, or a new one
    --env, --target   which platform

The stages are judged, the books are not: nobody waits here for payments that are still to come. `pytest suites/load`
does. The history that is left holds every order that was attempted.

Locust's own exit code is replaced: 0 every stage met its SLO, 99 one did not, 7 there were too few arrivals to judge,
the run was stopped before the end of its schedule, or a worker was lost and with it its share of the load.
"""

import argparse
import logging
import math
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from locust import User, events
from locust.runners import LocalRunner

from infrastructure.environment import Target
from infrastructure.errors import CafeError, EnvironmentFault, ExitCode, UsageError
from plugins.load import interruption, rendezvous
from plugins.load.arrivals import Stages
from plugins.load.attached import Attached, attach_or_up
from plugins.load.judge import StageReport, judge_stages, verdict_of
from plugins.load.locust_user import open_model_user
from plugins.load.plan import Assignment
from plugins.load.refusal import refuse
from plugins.load.result import LoadResult
from plugins.load.scenario import LoadScenario, Profile, lacking
from plugins.reporting.folders import begin, prune, run_name
from plugins.slo import Verdict

_EXIT = {Verdict.PASS: ExitCode.PASSED, Verdict.FAIL: ExitCode.THRESHOLD, Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE}

_ANSWERS_WITHIN_S = 2.0

_log = logging.getLogger(__name__)


def locustfile(scenario: LoadScenario) -> type[User]:
    """The user class of a locustfile that runs `scenario`."""
    interruption.leave_at_once()  # until a platform is there to load
    events.init_command_line_parser.add_listener(_declare_options)
    return open_model_user(_Declared(scenario))


def _declare_options(parser: Any) -> None:
    parser.add_argument("--rate", type=_rate, metavar="R", help="arrivals per second at the peak")
    parser.add_argument(
        "--env", default="dev", metavar="NAME", include_in_web_ui=False, help="environment to load (default: dev)"
    )
    parser.add_argument(
        "--target", choices=get_args(Target), include_in_web_ui=False, help="where it runs (default: as its file says)"
    )
    # Locust's web UI can start load on any host: not something to offer to the whole network unasked.
    parser.set_defaults(web_host="127.0.0.1")
    rendezvous.keep_local(parser)


def _rate(text: str) -> str:
    """`text` if it is a rate. It stays text: Locust gives what is typed into its web UI the type of the option."""
    try:
        _peak_per_s(text)
    except UsageError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem
    return text


def _peak_per_s(text: str | None) -> float | None:
    """The rate that is asked for; None for the scenario's own, which a field left empty in the web UI means too."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UsageError(f"{text} is not a positive rate; give arrivals per second, as in --rate 60")
    return value


class _Declared:
    """Runs of a declared scenario under Locust's command line."""

    def __init__(self, scenario: LoadScenario) -> None:
        self._scenario = scenario
        self._profile: Profile = "quick"
        self._duration_s: float | None = None
        self._attached: Attached | None = None
        self._must_run = False
        self._run: tuple[Stages, Path, float] | None = None
        self._text = ""
        self._held: int | None = None

    def prepare(self, environment: Any) -> None:
        """Refuse what cannot be, find a host. Locust's own timer is disarmed: `-t` is the length of the schedule, and
        the answers to its last arrivals still count.
        """
        options = environment.parsed_options
        self._duration_s, options.run_time = options.run_time, None
        self._must_run = bool(options.headless)
        try:
            self._profile = _profile(options.profile)
            _check_load(options)
            if environment.host:
                _check_host(environment.host)
                if options.headless and isinstance(environment.runner, LocalRunner):
                    _check_answers(environment.host)  # a master's workers may be where it cannot look
            else:
                self._attached = attach_or_up(options.env, options.target)
                environment.host = self._attached.url
        except CafeError as problem:
            refuse(problem)

    def assignment(self, environment: Any) -> Assignment:
        peak_per_s = _peak_per_s(environment.parsed_options.rate)
        _check_host(environment.host)
        arrivals = self._scenario.arrivals(self._profile, peak_per_s=peak_per_s, duration_s=self._duration_s)
        folder = Path.cwd() / "reports" / run_name(f"locust-{self._scenario.name}")
        held, self._held = self._held, begin(folder)
        if held is not None:
            os.close(held)  # of the run before, in the web UI
        return Assignment(plan=self._scenario.plan(arrivals), host=environment.host, folder=folder)

    def started(self, assignment: Assignment, at: float) -> None:
        arrivals = assignment.plan.arrivals
        if isinstance(arrivals, Stages):
            self._run = (arrivals, assignment.folder, at)
        stages = ", ".join(f"{stage.name} {stage.arrivals.duration_s:.3g} s" for stage in self._stages)
        _log.info("%s at %s: %s; peak %g/s", self._scenario.title, assignment.host, stages, arrivals.peak)
        for text in (lacking(stage, self._scenario.slos[stage.name]) for stage in self._stages):
            if text:
                _log.warning("this will be inconclusive: %s; give a higher --rate or a longer -t", text)

    def judged(self, doubts: Sequence[str]) -> ExitCode:
        if self._attached is not None:
            self._attached.close()
        if self._run is None:
            return ExitCode.INCONCLUSIVE if self._must_run else ExitCode.PASSED
        stages, folder, at = self._run
        reports = judge_stages(stages, self._scenario.slos, LoadResult.read(folder), at)
        prune(folder.parent)
        verdict = Verdict.all_of((verdict_of(reports), *(Verdict.INCONCLUSIVE for _ in doubts)))
        self._text = _render(self._scenario, reports, verdict, doubts, folder)
        return _EXIT[verdict]

    def report(self) -> str:
        return self._text

    @property
    def _stages(self) -> tuple[Any, ...]:
        return self._run[0].stages if self._run else ()


def _profile(given: str | None) -> Profile:
    if given not in (None, *get_args(Profile)):
        raise UsageError(f"--profile {given!r} is none of {', '.join(get_args(Profile))}")
    return "full" if given == "full" else "quick"


def _check_load(options: Any) -> None:
    """Refuse what leaves nobody to offer the load: Locust would wait for ever."""
    if options.num_users == 0:
        raise UsageError("--users 0 leaves nobody to offer the load; leave it out: --rate sets the load, not users")
    if options.tags or options.exclude_tags:
        raise UsageError("--tags and --exclude-tags pick tasks, and a scenario has one only; leave them out")


def _check_host(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise UsageError(f"--host {url!r} is no address to load; give one as in http://127.0.0.1:8080")


def _check_answers(url: str) -> None:
    """A whole schedule of refused connections proves nothing that one does not."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_ANSWERS_WITHIN_S).close()
    except OSError as refusal:
        raise EnvironmentFault(
            f"nobody answers at {url}: {refusal}. Next: `cafe status` shows whether a platform is up, and where"
        ) from refusal


def _render(
    scenario: LoadScenario,
    reports: tuple[StageReport, ...],
    verdict: Verdict,
    doubts: Sequence[str],
    folder: Path,
) -> str:
    lines = [f"{scenario.title}: {verdict.upper()}", *(f"  {doubt}" for doubt in doubts)]
    for report in reports:
        lines.append(f"  {report.slo}".replace("\n", "\n  "))
        lines += [f"      {count} x {kind}" for kind, count in report.window.errors.items()]
    return "\n".join((*lines, f"  samples and history: {folder}"))
