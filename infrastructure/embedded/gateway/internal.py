"""Calls from inside the daemon, for CloudFormation's resource types: moto makes them, and has no context."""

from typing import Any

from infrastructure.embedded.gateway import operations


def call(service: str, action: str, /, **parameters: Any) -> Any:
    """The output of `action`, by whoever answers it; parameters that are None are left out."""
    return operations.current().call(service, action, **parameters)
