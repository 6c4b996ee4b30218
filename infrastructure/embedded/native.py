"""The APIs that our own code answers instead of moto, for callers inside the daemon (CloudFormation's resource types,
the tagging API).

A controller that keeps its own records provides its calls under its signing name while it lives.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

NativeCall = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Answers an action with its output's members, at once; a refusal is raised."""
Tagged = Callable[[], Iterable[tuple[str, Mapping[str, str]]]]
"""The ARN and the tags of every resource on record."""

_providers: dict[str, NativeCall] = {}
_tagged: dict[str, Tagged] = {}


def provide(service: str, call: NativeCall, tagged: Tagged = tuple) -> None:
    """Answer calls to `service` (a signing name) by `call` from now on; the latest provider wins."""
    _providers[service], _tagged[service] = call, tagged


def withdraw(service: str, call: NativeCall) -> None:
    """Stop, unless another has taken over meanwhile."""
    if _providers.get(service) == call:
        del _providers[service], _tagged[service]


def call(service: str, action: str, **parameters: Any) -> dict[str, Any]:
    """The output of `action`; parameters that are None are left out. Raises what the API refuses with.

    `LookupError` when nobody answers `service` here.
    """
    provider = _providers.get(service)
    if provider is None:
        raise LookupError(f"no controller answers {service!r} here; known: {', '.join(_providers) or 'none'}")
    return provider(action, {name: value for name, value in parameters.items() if value is not None})


def tagged() -> Iterable[tuple[str, Mapping[str, str]]]:
    """The ARN and the tags of every resource that a provider has on record."""
    return (pair for each in tuple(_tagged.values()) for pair in each())
