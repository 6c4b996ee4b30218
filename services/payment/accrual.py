"""How a batch of accruals becomes points, each order's once, and how they wait while loyalty is away.

    message ── malformed ──────────────────────────────> dead-letter queue, with the reason ──> done
       │
    loyalty ── no answer, 5xx ──> comes again, later each time, and the rest of the batch unasked
       │ └──── refuses it for good ────────────────────> dead-letter queue, with the reason ──> done
       v
    points in loyalty's ledger ──> done

Captures never wait for this: an accrual is a message of its own, sent when the order is paid. Loyalty knows the order's
id, so whatever comes again adds nothing twice.
"""

import logging
import time
from typing import Final

from services.chassis.figures.counters import Figures
from services.chassis.web import correlation
from services.payment.domain import Accrual, Poison, read_accrual
from services.payment.loyalty import AccrualRefused, Loyalty, LoyaltyAway
from services.payment.messages import Batch, Message
from services.payment.setbacks import Setbacks

ACCRUED: Final = "PointsAccrued"
WAITING: Final = "AccrualsDeferred"
BURIED: Final = "AccrualsDeadLettered"
LATENCY: Final = "AccrualLatency"
"""From the capture to the points."""
LONGEST_PAUSE_S: Final = 60
"""No longer than the queue's visibility time-out: the points of an outage that is over come no later than those of a
sandbox that died. With the queue's thousand receives, half a day passes before one is given up on.
"""

_log = logging.getLogger(__name__)


class Accruer:
    """Works off batches of accruals."""

    def __init__(self, loyalty: Loyalty, setbacks: Setbacks, figures: Figures) -> None:
        self._loyalty = loyalty
        self._setbacks = setbacks
        self._figures = figures
        figures.declare(ACCRUED, WAITING)

    def process(self, batch: Batch) -> None:
        """Have the points of `batch` added, up to the first that loyalty is away for."""
        for message in batch.messages:
            if not batch.is_open(message):
                continue
            try:
                self._accrue(message)
            except (Poison, AccrualRefused) as refusal:
                self._setbacks.bury(batch, message, str(refusal))
            except LoyaltyAway as error:
                left = [each for each in batch.messages[batch.messages.index(message) :] if batch.is_open(each)]
                self._setbacks.defer(batch, left, "loyalty is away: the points wait", error)
                break
        self._figures.count(WAITING, len(batch.failed))

    def _accrue(self, message: Message) -> None:
        accrual = read_accrual(message.body)
        self._loyalty.accrue(accrual)
        self._account(accrual)

    def _account(self, accrual: Accrual) -> None:
        seconds = max(time.time() - accrual.captured_at, 0.0)
        self._figures.count(ACCRUED)
        self._figures.duration(LATENCY, seconds)
        with correlation.bound(accrual.correlation_id):
            _log.info("points accrued", extra={"order_id": accrual.order_id, "ms": round(seconds * 1e3, 1)})
