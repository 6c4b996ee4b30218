"""How a batch of messages becomes captures, each order exactly once, however often and wherever it is interrupted.

    message ── malformed, unknown order, another amount ──────────────> dead-letter queue, with the reason ──> done
       │
    tables ─── captured before ────────────────────────────────────────────────────────────┐
       │ └──── declined before ─────────────────────────────────────────────────────────────│──────────────────> done
       │                                                                                    │
    card network ── silent ──> asked again ── still silent ──> payment `pending` ──> message comes again
       │ └──── declined ──> payment `declined` + order `declined` (one transaction) ────────│──────────────────> done
       │                                                                                    │
    ledger (one transaction for the batch) ── no writer, or in trouble ───────> message comes again
       │ └──── refuses the order's own values ──> dead-letter queue, with the reason ───────│──────────────────> done
       │                                                                                    │
    payment `captured` + order `paid` (one transaction for the batch)                       │
       │                                                                                    v
       └──────────────────────────────────────> `order_paid` to the stream, its points to their queue ──> done

Each step can be repeated: the card network knows an order's id as its key, the ledger its primary key, the tables their
conditions. A message that comes again runs through all of it and finds what is there. Once one of a customer's messages
has to come again, those behind it stop too: a customer's orders are captured in their order.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from services.chassis.aws.errors import AwsError
from services.chassis.figures.counters import Figures
from services.chassis.postgres.wire import DatabaseRefused
from services.chassis.resilience import deadline
from services.chassis.web import correlation
from services.payment.card import TIMEOUT_S, Answer, Approved, CardNetwork, Charge, Declined, Silent
from services.payment.domain import Capture, Demand, OrderFacts, PaymentFacts, Poison, check, read_demand
from services.payment.ledger import Approval, Ledger, LedgerConflict
from services.payment.messages import Batch, Message
from services.payment.pool import RESERVE_S, DatabaseUnavailable
from services.payment.publish import Announcements
from services.payment.setbacks import Setbacks
from services.payment.store import PaymentTable, Settlement

CAPTURED: Final = "PaymentsCaptured"
DECLINED: Final = "PaymentsDeclined"
BURIED: Final = "PaymentsDeadLettered"
DEFERRED: Final = "PaymentsDeferred"
WITHOUT_WRITER: Final = "LedgerUnavailable"
LATENCY: Final = "CaptureLatency"
UNWRITTEN: Final = "the tables cannot be written"
LONGEST_PAUSE_S: Final = 60
"""Until a message that failed comes again; with the queue's twenty receives, seven minutes at least pass before it is
given up."""
QUESTIONS: Final = 3
"""How often the card network is asked in one invocation before the message has to come again."""

_log = logging.getLogger(__name__)


class Case(NamedTuple):
    """One message that can be paid, with what the tables know of its order."""

    message: Message
    demand: Demand
    order: OrderFacts
    payment: PaymentFacts | None

    @property
    def attempts(self) -> int:
        return 0 if self.payment is None else self.payment.attempts

    @property
    def placed_at(self) -> float:
        return self.order.placed_at if self.demand.placed_at is None else self.demand.placed_at

    @property
    def earlier(self) -> Capture | None:
        """The capture that an earlier delivery of the message brought about."""
        found = self.payment
        if found is None or found.status != "captured" or not found.authorization_id or not found.captured_at:
            return None
        return Capture(demand=self.demand, authorization_id=found.authorization_id, captured_at=found.captured_at)


class Decided(NamedTuple):
    """A case and the card network's last word on it, after so many attempts."""

    case: Case
    answer: Approved | Declined
    attempts: int


class Cashier:
    """Works off batches. Every failure that another try may mend is reported by the batch; what is not is a defect."""

    def __init__(
        self,
        *,
        cards: CardNetwork,
        ledger: Ledger,
        payments: PaymentTable,
        announcements: Sequence[Announcements],
        setbacks: Setbacks,
        figures: Figures,
    ) -> None:
        self._cards = cards
        self._ledger = ledger
        self._payments = payments
        self._announcements = announcements
        self._setbacks = setbacks
        self._figures = figures
        figures.declare(CAPTURED, DECLINED, DEFERRED, WITHOUT_WRITER)

    def process(self, batch: Batch) -> None:
        """Take every message of `batch` as far as it goes; afterwards the batch says which must come again."""
        cases = self._look_up(batch)
        undecided = [case for case in cases if case.payment is None or case.payment.status == "pending"]
        decided = self._authorize(batch, undecided)
        captures = self._book(batch, [one for one in decided if isinstance(one.answer, Approved)])
        settled = self._settle(batch, decided, captures)
        earlier = [(case, capture) for case in cases if (capture := case.earlier) is not None]
        self._publish(batch, earlier + settled)
        self._figures.count(DEFERRED, len(batch.failed))

    def _look_up(self, batch: Batch) -> list[Case]:
        """What can be paid; what never can goes to the dead letters."""
        demands: list[tuple[Message, Demand]] = []
        for message in batch.messages:
            try:
                demands.append((message, read_demand(message.body)))
            except Poison as poison:
                self._setbacks.bury(batch, message, str(poison))
        try:
            known = self._payments.read(demand.order_id for _, demand in demands)
        except AwsError as error:
            self._setbacks.defer(batch, [message for message, _ in demands], "the tables cannot be read", error)
            return []
        cases: dict[str, Case] = {}
        for message, demand in demands:
            order = known.orders.get(demand.order_id)
            try:
                check(demand, order)
            except Poison as poison:
                self._setbacks.bury(batch, message, str(poison))
                continue
            if demand.order_id in cases:  # the second of a pair waits for what becomes of the first
                self._setbacks.defer(batch, [message], "the batch holds the same order twice", None)
            elif order is not None:
                payment = known.payments.get(demand.order_id)
                cases[demand.order_id] = Case(message=message, demand=demand, order=order, payment=payment)
        return [case for case in cases.values() if batch.is_open(case.message)]

    def _authorize(self, batch: Batch, cases: Sequence[Case]) -> list[Decided]:
        """The card network's decisions, in the order of the cases. Nobody is charged while nothing can be booked."""
        if not cases:
            return []
        try:
            self._ledger.ready()
        except DatabaseUnavailable as error:
            self._without_writer(batch, cases, error)
            return []
        attempts = {case.demand.order_id: case.attempts for case in cases}
        answers = self._ask(cases, attempts)
        decided = []
        for case in cases:
            answer = answers[case.demand.order_id]
            if isinstance(answer, Silent):
                self._setbacks.defer(batch, [case.message], "the card network is silent", None)
                self._remember(case, attempts[case.demand.order_id])
            elif batch.is_open(case.message):
                decided.append(Decided(case=case, answer=answer, attempts=attempts[case.demand.order_id]))
        return decided

    def _ask(self, cases: Sequence[Case], attempts: dict[str, int]) -> Mapping[str, Answer]:
        """All at the same time; the silent ones again, with the same key, while there is time to book the others.

        Counts in `attempts`.
        """
        answers: dict[str, Answer] = {}
        silent = list(cases)
        for _ in range(QUESTIONS):
            for case in silent:
                attempts[case.demand.order_id] += 1
            charges = [
                Charge(
                    order_id=case.demand.order_id,
                    amount_cents=case.demand.amount_cents,
                    attempt=attempts[case.demand.order_id],
                )
                for case in silent
            ]
            answers.update(zip((c.order_id for c in charges), self._cards.authorize(charges), strict=True))
            silent = [case for case in silent if isinstance(answers[case.demand.order_id], Silent)]
            if not silent or deadline.remaining() < TIMEOUT_S + RESERVE_S:
                break
        return answers

    def _book(self, batch: Batch, approved: Sequence[Decided]) -> dict[str, Capture]:
        """The captures by order id. One that the ledger does not take must not keep the others out."""
        try:
            return self._booked(approved)
        except DatabaseUnavailable as error:
            self._without_writer(batch, [one.case for one in approved], error)
            return {}
        except (DatabaseRefused, LedgerConflict) as refusal:
            if len(approved) == 1:
                self._refused(batch, approved[0].case.message, refusal)
                return {}
        one_by_one: dict[str, Capture] = {}
        for one in approved:
            if batch.is_open(one.case.message):
                one_by_one.update(self._book(batch, [one]))
        return one_by_one

    def _refused(self, batch: Batch, message: Message, refusal: DatabaseRefused | LedgerConflict) -> None:
        """Only what the order itself is to blame for is given up: a full disk or a deadlock is no reason to lose it."""
        if isinstance(refusal, DatabaseRefused) and not refusal.is_of_values:
            self._setbacks.defer(batch, [message], "the ledger cannot book it now", refusal)
        else:
            self._setbacks.bury(batch, message, f"the ledger refuses it: {refusal}")

    def _booked(self, approved: Sequence[Decided]) -> dict[str, Capture]:
        approvals = [
            Approval(demand=one.case.demand, authorization_id=one.answer.authorization_id)
            for one in approved
            if isinstance(one.answer, Approved)
        ]
        return {capture.demand.order_id: capture for capture in self._ledger.capture(approvals)}

    def _settle(
        self, batch: Batch, decided: Sequence[Decided], captures: Mapping[str, Capture]
    ) -> list[tuple[Case, Capture]]:
        """Write what was decided; the captures among it that are now in the tables."""
        pairs = [
            (one.case, settlement)
            for one in decided
            if batch.is_open(one.case.message) and (settlement := _settlement(one, captures)) is not None
        ]
        try:
            self._payments.settle([settlement for _, settlement in pairs])
            written = pairs
        except AwsError as error:
            if not (error.is_condition or error.is_conflict):
                self._setbacks.defer(batch, [case.message for case, _ in pairs], UNWRITTEN, error)
                return []
            written = [(case, one) for case, one in pairs if self._settle_one(batch, case, one)]
        self._account(written)
        return [(case, captures[key]) for case, _ in written if (key := case.demand.order_id) in captures]

    def _settle_one(self, batch: Batch, case: Case, settlement: Settlement) -> bool:
        """Another delivery of one of the batch was faster, or is at it: look at each by itself."""
        if not batch.is_open(case.message):
            return False
        try:
            self._payments.settle([settlement])
        except AwsError as error:
            if error.is_condition and self._is_settled(settlement):
                return True
            why = "the tables say something else than the ledger" if error.is_condition else UNWRITTEN
            self._setbacks.defer(batch, [case.message], why, error)
            return False
        return True

    def _is_settled(self, settlement: Settlement) -> bool:
        try:
            return self._payments.is_settled(settlement)
        except AwsError as error:
            _log.warning("the tables cannot be read", extra={"error": str(error)})
            return False

    def _account(self, written: Iterable[tuple[Case, Settlement]]) -> None:
        for case, settlement in written:
            with correlation.bound(case.demand.correlation_id):
                self._account_one(settlement)

    def _account_one(self, settlement: Settlement) -> None:
        facts: dict[str, object] = {"order_id": settlement.demand.order_id, "attempts": settlement.attempts}
        if settlement.captured_at is None:
            self._figures.count(DECLINED)
            _log.info("declined", extra={**facts, "reason": settlement.reason})
        else:
            seconds = max(settlement.captured_at - settlement.placed_at, 0.0)
            self._figures.count(CAPTURED)
            self._figures.duration(LATENCY, seconds)
            _log.info("captured", extra={**facts, "ms": round(seconds * 1e3, 1)})

    def _publish(self, batch: Batch, captured: Sequence[tuple[Case, Capture]]) -> None:
        """Also for what was captured before: whether it was announced then is not known."""
        if not captured:
            return
        for announced in self._announcements:
            try:
                taken = announced.publish([capture for _, capture in captured])
            except AwsError as error:
                why = f"{announced.name} does not take captures"
                self._setbacks.defer(batch, [case.message for case, _ in captured], why, error)
                continue
            left = [case.message for case, capture in captured if capture.demand.order_id not in taken]
            self._setbacks.defer(batch, left, f"{announced.name} did not take the capture", None)

    def _remember(self, case: Case, attempts: int) -> None:
        """Keep the count of attempts, for the next delivery and for whoever looks; not worth failing for."""
        try:
            self._payments.remember(case.demand, attempts=attempts, placed_at=case.placed_at)
        except AwsError as error:
            _log.warning("a pending payment was not kept", extra={"error": str(error)})

    def _without_writer(self, batch: Batch, cases: Sequence[Case], error: DatabaseUnavailable) -> None:
        self._figures.count(WITHOUT_WRITER)
        self._setbacks.defer(
            batch, [case.message for case in cases], "the ledger has no writer: the messages wait", error
        )


def _settlement(one: Decided, captures: Mapping[str, Capture]) -> Settlement | None:
    """What to write; None when it was approved and could not be booked."""
    case, demand = one.case, one.case.demand
    if isinstance(one.answer, Declined):
        return Settlement(
            demand=demand,
            status="declined",
            attempts=one.attempts,
            placed_at=case.placed_at,
            reason=one.answer.reason,
        )
    capture = captures.get(demand.order_id)
    if capture is None:
        return None
    return Settlement(
        demand=demand,
        status="captured",
        attempts=one.attempts,
        placed_at=case.placed_at,
        authorization_id=capture.authorization_id,
        captured_at=capture.captured_at,
    )
