"""Loads the plugins for whatever runs from this checkout. Their code lives in `plugins/`."""

from pathlib import Path

import pytest

# Before the plugins are imported: else an assertion that fails in one of their helpers shows no values.
pytest.register_assert_rewrite("plugins")

pytest_plugins = [
    "plugins.environment.plugin",
    "plugins.reporting.plugin",
    "plugins.load.plugin",
    "plugins.stress.plugin",
    "plugins.chaos.plugin",
]


def pytest_collect_directory(path: Path) -> None:
    """Before the framework's own tests are imported: a busy machine is no defect of what they test.

    Hypothesis reads the constants of every loaded module before its first draw, which here are hundreds.
    """
    if path.name == "tests":
        from hypothesis import HealthCheck, settings

        settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("busy")
