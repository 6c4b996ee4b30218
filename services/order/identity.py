"""Order ids: ULIDs, unique without coordination and sorted by the time they were drawn."""

import secrets
import time
from collections.abc import Callable
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: what is easily misread is left out."""
PATTERN: Final = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


class OrderIds:
    """Draws ids: 48 bits of milliseconds, 80 random bits. Within one process each is greater than the one before."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, randbits: Callable[[int], int] = secrets.randbits
    ) -> None:
        self._clock = clock
        self._randbits = randbits
        self._last = 0

    def draw(self) -> str:
        drawn = (int(self._clock() * 1000) << 80) | self._randbits(80)
        if drawn >> 80 <= self._last >> 80:  # the same millisecond, or a clock that was set back
            drawn = self._last + 1
        self._last = drawn
        return "".join(_ALPHABET[(drawn >> shift) & 31] for shift in range(125, -5, -5))
