"""What the tests of a run published, put on their reports; and those that ended badly without a verdict of their own.

A summary without the latter would look greener than the run was.
"""

from collections.abc import Generator

import pytest

from plugins.reporting.record import RunRecord
from plugins.slo import Verdict, plain

_EXPLAINED = "cafe_explained"
"""On the report of a test whose own record shows why it did not pass; pytest carries it from xdist's workers."""

_FIGURES = ("rto", "rpo", "p99")
"""The metrics that go into `junit.xml`, by the last part of their names."""


class Published:
    """Notes in each process what the running test published, and collects the tests that failed without a verdict."""

    def __init__(self) -> None:
        self._running: list[RunRecord] = []
        self.unjudged: dict[str, None] = {}

    def add(self, record: RunRecord) -> None:
        """The running test has a record; one that is no PASS shows why the test fails."""
        self._running.append(record)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what failed unexplained; reports of workers, and of workers that crashed, arrive in the controller."""
        if report.failed and not vars(report).get(_EXPLAINED):
            self.unjudged[report.nodeid] = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the verdict and its figures on the test, for `junit.xml`, in the process that runs it."""
        records = self._running if call.when == "call" else []
        for record in records:
            item.user_properties.extend(properties(record))
        report = yield
        if any(record.verdict is not Verdict.PASS for record in records):
            vars(report)[_EXPLAINED] = True
        if call.when == "call":
            self._running = []
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected judges nothing either."""
        if report.failed:
            self.unjudged[report.nodeid] = None


def properties(record: RunRecord) -> list[tuple[str, object]]:
    """What `junit.xml` says of a test: its verdict, what was felt, recovery and 99th percentiles by phase."""
    figures = ((name, f"{plain(value)} {unit}".rstrip()) for name, value, unit in record.metrics)
    chosen = [(name, text) for name, text in figures if name.replace(".", " ").split()[-1] in _FIGURES]
    return [("verdict", record.verdict.value), ("felt", str(record.impact)), *chosen]
