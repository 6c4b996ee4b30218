"""Every module of the platform is there: its resources exist, carry the platform's tags, and its endpoints answer."""

from collections.abc import Callable

import pytest

from infrastructure.templates import MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_deployed_tagged_and_answers(module: str, validated: Callable[[str], None]) -> None:
    """No resource is missing, none is without its tags, and what has an endpoint answers."""
    validated(module)
