"""Fixtures of the embedded cloud's tests."""

from pathlib import Path

import pytest

from infrastructure.state import StateFolder


@pytest.fixture(scope="session")
def postgres_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where platforms with databases lie: they share the template of a database, which takes a second to make."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder.of("test", tmp_path)
