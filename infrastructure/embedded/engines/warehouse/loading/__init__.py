"""COPY inside a warehouse."""

from infrastructure.embedded.engines.warehouse.loading.load import load
from infrastructure.embedded.engines.warehouse.loading.plan import Plan, literal

__all__ = ("Plan", "literal", "load")
