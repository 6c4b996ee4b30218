"""What an API refuses of a request by itself, and its service model cannot say: a table of checks, by operation.

They come after the model's own (`validation`) and before anybody acts on the call, for those of stacks as well. What
depends on records is refused by who keeps them.
"""

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from infrastructure.embedded.gateway.api import Api

Members = Mapping[str, Any]
Rule = Callable[[Members], None]
"""Raises `Refused` for members that the operation does not take."""


def check(api: Api, operation: str, given: Members) -> None:
    """Raise `Refused` when the API has a rule that `given` breaks."""
    rule = _rules(api.rules).get(operation) if api.rules else None
    if rule is not None:
        rule(given)


@cache
def _rules(module: str) -> Mapping[str, Rule]:
    found: Mapping[str, Rule] = importlib.import_module(module).RULES
    return found
