"""The operators' stress event, Cold Start Avalanche: real checkouts up to the last step, which is then taken back.

    {"stress": {"scenario": "cold-start", "token": "…", "checkouts": 3}}   →   {"checkouts": 3, "seconds": 0.071}

Each asks the card network, looks into the payments table, and books in the ledger inside a transaction that is rolled
back. Nothing stays behind.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Final

from services.chassis import log
from services.chassis.aws.blocking import BlockingCaller
from services.chassis.web.token import TRUST_S, read_token
from services.payment.card import Approved, CardNetwork, Charge
from services.payment.domain import Demand
from services.payment.ledger import Approval, Ledger
from services.payment.store import PaymentTable

SCENARIO: Final = "cold-start"
"""As the catalogue calls it, which is not imported here: a cold start would pay for it."""
MAX_CHECKOUTS: Final = 50
"""Of one event: as many as the tables answer for in one reading."""


class RehearsalRefused(Exception):
    """The event is not an operator's, or asks for what there is not. The text never holds a token."""


class Guard:
    """Knows the operators' token."""

    def __init__(self, secretsmanager: BlockingCaller, secret_id: str) -> None:
        self._secretsmanager = secretsmanager
        self._secret_id = secret_id
        self._token = ""
        self._trusted_until = 0.0

    def require(self, shown: object) -> None:
        """Return if `shown` is the token; `RehearsalRefused`, `AwsError` when the secret cannot be read."""
        if not isinstance(shown, str) or not shown:
            raise RehearsalRefused("this is for operators: send their token as stress.token")
        if not secrets.compare_digest(shown.encode(), self._expected().encode()):
            raise RehearsalRefused("this is not the operators' token")

    def _expected(self) -> str:
        if time.monotonic() >= self._trusted_until:
            answer = self._secretsmanager.call("GetSecretValue", {"SecretId": self._secret_id})
            self._token = read_token(str(answer.get("SecretString", "")))
            if not self._token:
                raise RehearsalRefused(f"the secret {self._secret_id} holds no token")
            log.conceal(self._token)
            self._trusted_until = time.monotonic() + TRUST_S
        return self._token


class Rehearsal:
    """Checkouts that are taken back."""

    def __init__(self, guard: Guard, *, cards: CardNetwork, ledger: Ledger, payments: PaymentTable) -> None:
        self._guard = guard
        self._cards = cards
        self._ledger = ledger
        self._payments = payments

    def run(self, wanted: Mapping[str, object]) -> dict[str, object]:
        """Do `wanted` checkouts, as one batch; `RehearsalRefused`, and whatever a real batch would have to wait for."""
        self._guard.require(wanted.get("token"))
        count = self._count(wanted)
        begun = time.perf_counter()
        demands = [_demand() for _ in range(count)]
        self._payments.read(demand.order_id for demand in demands)
        self._ledger.ready()
        charges = [Charge(order_id=one.order_id, amount_cents=one.amount_cents, attempt=1) for one in demands]
        answers = self._cards.authorize(charges)
        approvals = [
            Approval(demand=demand, authorization_id=answer.authorization_id)
            for demand, answer in zip(demands, answers, strict=True)
            if isinstance(answer, Approved)
        ]
        self._ledger.rehearse(approvals)
        return {"checkouts": count, "seconds": round(time.perf_counter() - begun, 4)}

    def _count(self, wanted: Mapping[str, object]) -> int:
        if wanted.get("scenario") != SCENARIO:
            raise RehearsalRefused(f"stress.scenario must be {SCENARIO!r}")
        count = wanted.get("checkouts", 1)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_CHECKOUTS:
            raise RehearsalRefused(f"stress.checkouts must be 1 to {MAX_CHECKOUTS}")
        return count


def _demand() -> Demand:
    """A checkout that nobody made; no order can have its id."""
    return Demand(
        order_id=f"rehearsal-{secrets.token_hex(12)}",
        customer_id=f"rehearsal-{secrets.randbelow(1000):03d}",
        store_id="rehearsal",
        amount_cents=100 + secrets.randbelow(5000),
        correlation_id="rehearsal",
    )
