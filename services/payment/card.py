"""The card network: says yes or no to a payment, or nothing at all. Simulated, and the same in every run of a seed.

Like a real one it is idempotent: an order's id is the key of its authorization, so asking twice charges once.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from services.payment.settings import CardSettings

TIMEOUT_S: Final = 1.0
"""How long the network may think before it counts as silent."""
_SPREAD: Final = 0.2
"""Of the latency: its 99th percentile is 2.5 times the median."""


class Charge(NamedTuple):
    """A question to the network. `attempt` counts from 1 over all invocations."""

    order_id: str
    amount_cents: int
    attempt: int


class Approved(NamedTuple):
    """The money is reserved under this id."""

    authorization_id: str


class Declined(NamedTuple):
    """The network's last word; asking again would get the same."""

    reason: str


class Silent(NamedTuple):
    """No answer: whether the money is reserved is unknown, so ask again with the same key."""


Answer = Approved | Declined | Silent


class CardNetwork(Protocol):
    """Authorizes payments."""

    def authorize(self, charges: Sequence[Charge]) -> list[Answer]:
        """Ask for all of `charges` at the same time; an answer to each, in their order."""
        ...


class SimulatedNetwork:
    """A network whose every answer follows from the seed, the order's id and the attempt."""

    def __init__(self, settings: CardSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sleep = sleep

    def authorize(self, charges: Sequence[Charge]) -> list[Answer]:
        """Takes as long as the slowest answer: they are on their way at the same time."""
        drawn = [self._draw(charge) for charge in charges]
        self._sleep(max((seconds for _, seconds in drawn), default=0.0))
        return [answer for answer, _ in drawn]

    def _draw(self, charge: Charge) -> tuple[Answer, float]:
        silence, latency = _uniform(f"{self._settings.seed}/{charge.order_id}/{charge.attempt}")
        decline, _ = _uniform(f"{self._settings.seed}/{charge.order_id}")
        if silence < self._settings.timeout_rate:
            return Silent(), TIMEOUT_S
        seconds = min(self._settings.latency_ms / 1e3 * (latency / (1 - latency)) ** _SPREAD, TIMEOUT_S)
        if decline < self._settings.decline_rate:
            return Declined(reason="card declined"), seconds
        return Approved(authorization_id=authorization_of(charge.order_id)), seconds


def authorization_of(order_id: str) -> str:
    """The id under which the network keeps the authorization of an order."""
    return f"auth-{hashlib.blake2b(order_id.encode(), digest_size=10).hexdigest()}"


def _uniform(key: str) -> tuple[float, float]:
    """Two numbers between 0 and 1, neither of them included, that follow from `key`."""
    digest = hashlib.blake2b(key.encode(), digest_size=12).digest()
    first, second = (int.from_bytes(part, "big") for part in (digest[:6], digest[6:]))
    return (first + 0.5) / 2**48, (second + 0.5) / 2**48
