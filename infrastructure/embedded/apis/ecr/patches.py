"""A registry is scanned by no rules when none are given.

Replaces how `moto.ecr.models.ECRBackend.put_registry_scanning_configuration` (moto 5.2) takes rules that are left out:
it fails on them.
"""

from typing import Any

from moto.ecr.models import ECRBackend

_put = ECRBackend.put_registry_scanning_configuration


def _put_registry_scanning_configuration(backend: Any, scan_type: str | None, rules: list[Any] | None) -> None:
    _put(backend, scan_type or "BASIC", rules or [])


def install() -> None:
    """Replace it."""
    ECRBackend.put_registry_scanning_configuration = _put_registry_scanning_configuration
