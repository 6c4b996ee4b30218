"""Who hears that a stack has moved on by itself. Imports nothing: the control plane listens before moto is there."""

from collections.abc import Callable

listeners: list[Callable[[], None]] = []
"""Called after each step of a stack that no API call announces, so that controllers look again."""
