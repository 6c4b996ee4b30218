"""Stress work for tests: of about 20 µs, in a module that imports nothing."""

from collections.abc import Callable


def spin() -> Callable[[], int]:
    """The work."""

    def one() -> int:
        sum(range(500))
        return 1

    return one
