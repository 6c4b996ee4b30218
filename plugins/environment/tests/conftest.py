"""The fixture `run` for all files of this folder."""

from pathlib import Path

import pytest

from infrastructure import cloud
from plugins.environment.tests import fake_cloud
from plugins.environment.tests.runs import CONFTEST, Runner


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs pytest on suites written here, against the fake cloud."""
    events = pytester.path / "events"
    monkeypatch.setenv(fake_cloud.EVENTS, str(events))
    monkeypatch.setenv("CLOUDCAFE_HOME", str(pytester.path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[__name__.count(".")]))
    # Only what these runs need: other plugins' imports would cost each of them more than the run itself.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("up", "attach", "down"):
        monkeypatch.setattr(cloud, name, getattr(cloud, name))  # so that what a run in this process replaces comes back
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites").mkdir()
    return Runner(pytester, events)
