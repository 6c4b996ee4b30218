"""Another service of ours, asked over kept connections: it answers, or it is away, soon known without asking.

Nothing is asked again here: whoever calls knows better what to do without the answer.
"""

import logging
from collections.abc import Collection
from typing import Final

from services.chassis.http.client import HttpPool
from services.chassis.http.exchange import HttpError, HttpResponse
from services.chassis.resilience import deadline
from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.budget import Timeouts
from services.chassis.web import correlation
from services.chassis.web.health import Dependencies

OPEN_S: Final = 1.0
JITTER: Final = 0.5
LEAST_S: Final = 0.01
"""With less than this left of a request's own time nobody can answer it, and nothing is learned by asking."""

_log = logging.getLogger(__name__)


class PeerAway(Exception):
    """No answer in time, or none of the peer's own: what was asked for may or may not have happened."""


class Peer:
    """A service behind `origin`, `name` among the dependencies. Fragile time-outs (None) mean no breaker either."""

    def __init__(
        self, name: str, origin: str, timeouts: Timeouts, dependencies: Dependencies, breaker: Breaker | None = None
    ) -> None:
        self.name = name
        self._is_bounded = timeouts.read_s is not None
        self._dependencies = dependencies
        self.breaker = breaker or Breaker(open_s=OPEN_S, jitter=JITTER)
        self._pool = HttpPool(
            origin, connect_timeout_s=timeouts.connect_s, heals_stale=self._is_bounded, keeps_headers=True
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        answers: Collection[int],
        within_s: float,
        headers: str = "",
    ) -> HttpResponse:
        """The answer, whose status is one of `answers`: any other may be of whoever answers in the peer's place.

        `PeerAway` once `within_s`, or the request's own deadline, is over; a request that comes with its time spent is
        not sent, and says nothing of the peer. It may be sent twice, so it has to be idempotent. `headers` are lines of
        their own, each ending in CRLF.
        """
        if self._is_bounded and deadline.remaining() < LEAST_S:
            raise PeerAway(f"{self.name} is not asked: the request's own time is over")
        if self._is_bounded and not self.breaker.may_ask():
            raise PeerAway(f"{self.name} is not asked: it failed a moment ago")
        request = self._head(method, path, len(body), headers) + body
        try:
            response = await self._pool.send(request, timeout_s=self._limit(within_s))
        except HttpError as silence:
            raise self._away(str(silence)) from silence
        if response.status not in answers:
            raise self._away(f"it answers {response.status}")
        self.breaker.succeeded()
        self._dependencies.succeeded(self.name)
        return response

    def _limit(self, within_s: float) -> float | None:
        return min(within_s, deadline.remaining()) if self._is_bounded else None

    def _head(self, method: str, path: str, length: int, headers: str) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nhost: {self._pool.host}\r\ncontent-type: application/json\r\n"
            f"{correlation.HEADER}: {correlation.current()}\r\n{headers}content-length: {length}\r\n\r\n"
        ).encode("latin-1")

    def _away(self, why: str) -> PeerAway:
        self.breaker.failed()
        self._dependencies.failed(self.name, why)
        _log.warning("a peer is away", extra={"peer": self.name, "error": why, "breaker": self.breaker.state})
        return PeerAway(f"{self.name} is away: {why}")

    def close(self) -> None:
        """Close what lies idle."""
        self._pool.close()
