"""What can be wrong before any test runs: a claim that cannot be judged, a `-k` that selects nothing. No traceback."""

from collections.abc import Generator
from typing import Any

import pytest

from infrastructure.errors import CafeError
from infrastructure.suggest import did_you_mean
from plugins.environment import outcome, sharing
from plugins.environment.outcome import Outcome
from plugins.environment.run import Run

_KNOWN = "cafe-known-scenarios"
_OUTCOME = "cafe_outcome"
"""On the report of a file that could not be collected; pytest carries it from xdist's workers."""


class Collecting:
    """Watches over the collection of one run, or of one worker's part of it."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A claim that its author wrote wrongly is one message: where it stands is in its name."""
        report = yield
        call = vars(report).get("call")
        error = call.excinfo.value if call is not None and call.excinfo is not None else None
        if report.failed and isinstance(error, CafeError):
            report.longrepr = str(error)
            vars(report)[_OUTCOME] = outcome.of(error).value
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count it; reports of workers arrive here in the controller."""
        kind = vars(report).get(_OUTCOME)
        if report.failed and kind is not None:
            self._run.is_refused = True
            self._run.tally.add(Outcome(kind))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Remember which scenarios there were, for when `-k` leaves none."""
        before = tuple(items)
        yield
        is_empty = bool(self._config.option.keyword and before and not items)
        if is_empty and sharing.need_platform(item.nodeid for item in before):
            self._run.known = tuple(dict.fromkeys(_scenario(item) for item in before))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """In the controller: hear from a worker which scenarios there were."""
        self._run.known = self._run.known or tuple(getattr(node, "workeroutput", {}).get(_KNOWN, ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """In a worker: tell the controller which scenarios there were."""
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_KNOWN] = list(self._run.known)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The scenarios there were, and which may have been meant."""
        if self._run.known:
            keyword = self._config.option.keyword
            meant = did_you_mean(keyword, self._run.known)
            there = f"there are: {', '.join(self._run.known)}"
            terminalreporter.write_line(f"ERROR: -k {keyword!r} selects no scenario;{meant.lower()} {there}", red=True)


def _scenario(item: pytest.Item) -> str:
    """The name a person selects a test by: its parameters' id, else its own name."""
    return item.callspec.id if isinstance(item, pytest.Function) and hasattr(item, "callspec") else item.name
