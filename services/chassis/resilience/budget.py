"""What bounds a call out, whoever makes it: how long it may take, and how many retries a process may afford."""

from typing import NamedTuple


class Timeouts(NamedTuple):
    """Seconds; None waits for ever."""

    connect_s: float | None
    read_s: float | None


class RetryBudget:
    """Every call earns `ratio` of a retry, every retry costs one; so retries <= ratio x calls + reserve, always.

    What is saved up in good times is capped at `reserve` as well: a quiet hour must not buy a storm.
    """

    def __init__(self, *, ratio: float = 0.2, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._balance = reserve

    def earn(self) -> None:
        self._balance = min(self._balance + self._ratio, self._reserve)

    def spend(self) -> bool:
        """Take one retry out of the budget; False when there is none left."""
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True
