"""Deploys the CloudFormation templates in order and takes them away in reverse; the same on both targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MODULES = ("networking", "databases", "caching", "messaging", "loadbalancing", "compute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a deployment did, by module, and the outputs of all stacks in one namespace."""

    outputs: Mapping[str, str]
    created: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def is_new(self) -> bool:
        """Nothing was there before."""
        return not self.updated and not self.unchanged


def deploy(
    client: Any,
    *,
    environment: str,
    parameters: Mapping[str, str],
    overrides: Mapping[str, str],
    poll_s: float,
    talk: Callable[[str], None],
) -> Deployment:
    raise RuntimeError


def outputs(client: Any, environment: str) -> Mapping[str, str]:
    raise RuntimeError


def destroy(client: Any, environment: str, *, poll_s: float, talk: Callable[[str], None]) -> None:
    raise RuntimeError
