"""What a journey gets to work with, and what it hands back. No sockets: the generator lends it a way to ask."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from plugins.books.history import Attempt
from plugins.load.retry import Retry

_REMEMBERED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, or the kind of `failure` that came instead. `is_sent`: the server may have seen the request."""

    status: int | None = None
    body: bytes = b""
    retry_after_s: float | None = None
    failure: str | None = None
    is_sent: bool = True

    @property
    def error(self) -> str | None:
        """The kind of error, None for an answer of the 2xx class."""
        if self.status is None:
            return self.failure
        return None if 200 <= self.status < 300 else f"http {self.status}"

    def field(self, name: str) -> object:
        """A member of the JSON object in the body; None when there is none, or no object."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value.get(name) if isinstance(value, dict) else None


class Ask(Protocol):
    """Sends a request and waits for what comes of it; raises nothing."""

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply: ...


@dataclass(slots=True)
class Memory:
    """The orders this generator knows to exist."""

    _order_ids: list[str] = field(default_factory=list)

    def add(self, order_id: str) -> None:
        self._order_ids.append(order_id)
        if len(self._order_ids) > 2 * _REMEMBERED:
            del self._order_ids[:_REMEMBERED]

    def any(self, draw: random.Random) -> str | None:
        return draw.choice(self._order_ids) if self._order_ids else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One arrival: who it is and all it may use. `key` is unique for ever, `scheduled_at` Unix seconds."""

    key: str
    scheduled_at: float
    ask: Ask
    draw: random.Random
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    ordered: Callable[[Attempt], None]
    memory: Memory
    retry: Retry | None = None

    def pauses(self) -> Iterator[float]:
        """Seconds before each further try: exponential, with full jitter."""
        if self.retry is not None:
            for tried in range(self.retry.attempts - 1):
                yield self.draw.uniform(0, min(self.retry.base_s * 2**tried, self.retry.cap_s))

    def rest(self, pause_s: float, reply: Reply) -> None:
        """Pause before a further try, as long as the server asked for if it did."""
        asked = reply.retry_after_s
        seconds = pause_s if asked is None or self.retry is None else min(asked, self.retry.cap_s)
        if seconds > 0:
            self.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a visit ended: the kind of its error if it ended badly, and how often it tried again."""

    error: str | None = None
    retries: int = 0
