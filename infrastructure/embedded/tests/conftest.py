"""Fixtures of the embedded cloud's tests."""

from pathlib import Path

import pytest

from infrastructure.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder.of("test", tmp_path)
