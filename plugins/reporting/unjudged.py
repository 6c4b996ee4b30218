"""Tests that ended badly without a verdict of their own: a summary without them would look greener than the run was."""

from collections.abc import Generator

import pytest

from plugins.reporting.record import RunRecord
from plugins.slo import Verdict

_PROPERTY = "cafe-unwell"
"""On the report of a test whose own record shows why it did not pass; travels from xdist's workers."""


class Unjudged:
    """Notes in each process which tests published why they are unwell, and collects all others that failed."""

    def __init__(self) -> None:
        self._is_explained = False
        self.nodes: dict[str, None] = {}

    def published(self, record: RunRecord) -> None:
        """The running test has a record; one that is no PASS shows why the test fails."""
        self._is_explained = self._is_explained or record.verdict is not Verdict.PASS

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what failed unmarked; reports of workers, and of workers that crashed, arrive in the controller."""
        if report.failed and not any(name == _PROPERTY for name, _ in report.user_properties):
            self.nodes[report.nodeid] = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mark the report of the call, in the process that runs the test."""
        report = yield
        if call.when == "call":
            if self._is_explained:
                report.user_properties.append((_PROPERTY, True))
            self._is_explained = False
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected judges nothing either."""
        if report.failed:
            self.nodes[report.nodeid] = None
