"""The loyalty service as payment knows it: it adds the points of an order, once however often it is asked.

Asked once a delivery and no more: the queue that the accruals wait in is the retry, and its back-off the budget.
"""

from typing import Final

import orjson

from services.chassis.http.blocking import BlockingHttp
from services.chassis.http.exchange import HttpError, HttpResponse
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import Timeouts
from services.chassis.web import correlation
from services.chassis.web.health import Dependencies
from services.payment.domain import Accrual

NAME: Final = "loyalty"
PATH: Final = "/loyalty/points/accrue"
_FOR_GOOD: Final = frozenset({400, 409, 413, 422})
"""What the request itself is to blame for. Any other refusal may be of whoever answered in loyalty's place."""
_SHOWN: Final = 200
"""Characters of an answer that a reason repeats."""


class LoyaltyAway(Exception):
    """No answer, or none that decides anything: whether the points were added is unknown. The text says what came."""


class AccrualRefused(Exception):
    """Loyalty will not add these points, however often it is asked. The text says why."""


class Loyalty:
    """Loyalty behind its load balancer at `origin`, over one kept connection."""

    def __init__(self, origin: str, timeouts: Timeouts, dependencies: Dependencies) -> None:
        self._timeouts = timeouts
        self._dependencies = dependencies
        heals_stale = timeouts.read_s is not None
        self._http = BlockingHttp(origin, connect_timeout_s=timeouts.connect_s, heals_stale=heals_stale)

    def accrue(self, accrual: Accrual) -> None:
        """Return once the points are in loyalty's ledger; `LoyaltyAway`, `AccrualRefused`."""
        try:
            response = self._http.send(self._request(accrual), timeout_s=self._limit())
        except HttpError as silence:
            self._dependencies.failed(NAME, str(silence))
            raise LoyaltyAway(str(silence)) from silence
        if response.status in _FOR_GOOD:
            self._dependencies.succeeded(NAME)  # it answered, with no
            raise AccrualRefused(f"loyalty refuses it with {response.status}: {_detail(response)}")
        if response.status != 200:
            self._dependencies.failed(NAME, f"status {response.status}")
            raise LoyaltyAway(f"loyalty answers {response.status}: {_detail(response)}")
        self._dependencies.succeeded(NAME)

    def _limit(self) -> float | None:
        read_s = self._timeouts.read_s
        return None if read_s is None else min(read_s, deadline.remaining())

    def _request(self, accrual: Accrual) -> bytes:
        body = orjson.dumps(
            {
                "customer_id": accrual.customer_id,
                "order_id": accrual.order_id,
                "total_cents": accrual.amount_cents,
            }
        )
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: {self._http.host}\r\ncontent-type: application/json\r\n"
            f"{correlation.HEADER}: {accrual.correlation_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode("latin-1") + body

    def close(self) -> None:
        """Close what lies idle."""
        self._http.close()


def _detail(response: HttpResponse) -> str:
    return response.body[:_SHOWN].decode(errors="replace")
