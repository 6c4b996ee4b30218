"""Nothing here names a service: what is charted, sabotaged, checked and judged follows from the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.catalog import SERVICES

FOLDER = Path(__file__).parents[__name__.count(".") - 1]
"""The package `plugins`."""
JOURNEYS = [("load/journeys.py", "order"), ("load/journeys.py", "menu")]
"""Journeys' names, which happen to be services' too: the one place that defines them."""
_OURS = "Service|Function|TargetGroup|Rule|Resilience|AutoScalingGroup"
NAMES = "|".join(service.name for service in SERVICES)
KEYS = "|".join(service.name.capitalize() for service in SERVICES)
NAMED = re.compile(rf"{NAMES}|({KEYS})({_OURS})\w*")
"""A service's name, or a parameter or output of the templates that is about it."""


def named(source: str) -> list[str]:
    """The texts in `source` that name a service; docstrings and messages may speak of one."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and NAMED.fullmatch(text)]


def sources() -> Iterator[Path]:
    return (path for path in FOLDER.rglob("*.py") if "tests" not in path.relative_to(FOLDER).parts)


def test_no_plugin_names_a_service() -> None:
    found = [(str(path.relative_to(FOLDER)), text) for path in sources() for text in named(path.read_text("utf-8"))]
    assert found == JOURNEYS


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('charted(platform, "order")', ["order"]),
        ('Literal["none", "payment"]', ["payment"]),
        ('cloud.output("OrderServiceName")', ["OrderServiceName"]),
        ('{"PaymentResilience": "off"}', ["PaymentResilience"]),
        ('"""The payment of an order."""', []),
        ('cloud.output("OrdersTableName")', []),
    ],
)
def test_a_name_is_found_wherever_it_stands_alone(source: str, expected: list[str]) -> None:
    assert named(source) == expected
