"""Runs of pytest within a test, on suites written there, against the fake cloud."""

from pathlib import Path

import pytest

from plugins.environment.tests import fake_cloud

CONFTEST = """
from plugins.environment.tests import fake_cloud

fake_cloud.install()
pytest_plugins = ["plugins.environment.plugin"]
"""
PASSES = "def test_passes(platform): assert platform.output('AlbArn') == 'arn:alb'"


class Runner:
    """`run("-n", "2", suites=…)`; then `events` is what the cloud was asked."""

    def __init__(self, pytester: pytest.Pytester, events: Path) -> None:
        self._pytester = pytester
        self._events = events

    def __call__(self, *arguments: str, suites: tuple[str, ...], folder: str = "suites") -> pytest.RunResult:
        self.write(*suites, folder=folder)
        common = ("-p", "no:cacheprovider", "--import-mode=importlib", folder, *arguments)
        if "-n" in arguments:
            return self._pytester.runpytest_subprocess("-p", "xdist", *common)
        return self._pytester.runpytest_inprocess(*common)

    def write(self, *suites: str, folder: str = "suites") -> None:
        """Write the suites, a file each."""
        (self._pytester.path / folder).mkdir(exist_ok=True)
        for number, text in enumerate(suites):
            (self._pytester.path / folder / f"test_{number}.py").write_text(text, encoding="utf-8")

    @property
    def events(self) -> list[str]:
        return fake_cloud.events(self._events)
