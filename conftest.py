"""Loads the plugins for whatever runs from this checkout. Their code lives in `plugins/`."""

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
