"""How many invocations run side by side: the account's limit, and what functions have reserved of it. Pure.

Source: AWS Lambda Developer Guide, "Understanding Lambda function scaling", "Configuring reserved concurrency".
"""

from collections import Counter
from collections.abc import Callable, Iterator

ACCOUNT_LIMIT = 1000
UNRESERVED_MINIMUM = 100
"""What reservations must leave to all other functions together."""


class Concurrency:
    """Admits invocations. A function with a reservation has that and no more; the others share what is left."""

    def __init__(self, limit: int = ACCOUNT_LIMIT) -> None:
        self.limit = limit
        self.watchers: set[Callable[[], None]] = set()
        """Called when an invocation ended or a limit changed."""
        self._reserved: dict[str, int] = {}
        self._running: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self._peak = 0

    def reserved(self, name: str) -> int | None:
        return self._reserved.get(name)

    @property
    def unreserved(self) -> int:
        return self.limit - sum(self._reserved.values())

    def may_reserve(self, name: str, wanted: int) -> bool:
        others = sum(count for other, count in self._reserved.items() if other != name)
        return self.limit - others - wanted >= UNRESERVED_MINIMUM

    def reserve(self, name: str, count: int | None) -> None:
        """Set or, with None, lift a function's reservation."""
        if count is None:
            self._reserved.pop(name, None)
        else:
            self._reserved[name] = count
        self._notify()

    def running(self, name: str) -> int:
        return self._running[name]

    def free(self, name: str) -> int:
        """How many more would be admitted now; never negative."""
        own = self._reserved.get(name)
        if own is not None:
            return max(own - self._running[name], 0)
        shared = sum(count for other, count in self._running.items() if other not in self._reserved)
        return max(self.unreserved - shared, 0)

    def admit(self, name: str) -> str:
        """Count an invocation in; AWS's reason when it is throttled instead, else empty."""
        if self.free(name) <= 0:
            is_own = name in self._reserved
            return (
                "ReservedFunctionConcurrentInvocationLimitExceeded" if is_own else "ConcurrentInvocationLimitExceeded"
            )
        self._running[name] += 1
        self._peaks[name] = max(self._peaks[name], self._running[name])
        self._peak = max(self._peak, self._running.total())
        return ""

    def leave(self, name: str) -> None:
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]
        self._notify()

    def peaks(self) -> Iterator[tuple[str, int]]:
        """The most that ran side by side since this was last asked, by function."""
        peaks, self._peaks = self._peaks, Counter(self._running)
        yield from peaks.items()

    def peak(self) -> int:
        """The most that ran side by side at one moment, of all functions, since this was last asked."""
        peak, self._peak = self._peak, self._running.total()
        return peak

    def _notify(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()
