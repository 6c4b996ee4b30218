"""How the payment function is put together, once with resilience and once without. The only place that knows which."""

import logging
from collections.abc import Mapping
from typing import Final, Protocol

from services.chassis import log
from services.chassis.aws.blocking import BlockingApi, Patience, keys_of_function
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import CLOUDWATCH, DYNAMODB, KINESIS, SECRETS, SQS, JsonApi
from services.chassis.environment import ConfigurationError
from services.chassis.figures.counters import Figures
from services.chassis.figures.reporter import Reporter
from services.chassis.postgres.wire import DatabaseRefused
from services.chassis.resilience import deadline
from services.chassis.web.health import Dependencies
from services.payment import accrual, capture, loyalty, pool
from services.payment.accrual import Accruer
from services.payment.capture import Cashier
from services.payment.card import SimulatedNetwork
from services.payment.ledger import Ledger
from services.payment.loyalty import Loyalty
from services.payment.messages import Batch, read_batch
from services.payment.pauses import Pauses
from services.payment.pool import DatabaseUnavailable, Pool, StubbornPool, WriterPool
from services.payment.publish import Accruals, DeadLetters, PaidEvents
from services.payment.rehearsal import Guard, Rehearsal
from services.payment.secret import DatabaseSecret
from services.payment.setbacks import Setbacks
from services.payment.settings import PaymentSettings, read_settings
from services.payment.store import PaymentTable

NAME_OF_SERVICE: Final = "payment"
NAMESPACE: Final = "CloudCafe/Payment"
RETRIES: Final = "Retries"
RECONNECTS: Final = "LedgerReconnects"
INIT_S: Final = 2.0
"""How long a sandbox looks for the writer while it starts; Lambda gives it 10 s for all of it."""
_APIS: Final = ("dynamodb", "sqs", "kinesis", "cloudwatch", "secretsmanager")
MARGIN_S: Final = 0.5
"""What an invocation keeps to give its answer in."""

HEALTH_S: Final = 1.5
"""How long a question after health may look for the writer, including the pool's reserve."""

_log = logging.getLogger(__name__)


class LambdaContext(Protocol):
    """What Lambda passes with an invocation."""

    def get_remaining_time_in_millis(self) -> int: ...


class Payment:
    """One sandbox's function: takes batches, the operators' stress event and questions after its health."""

    def __init__(self, settings: PaymentSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._is_resilient = settings.is_resilient
        self._keys = keys_of_function(environ)
        self._dependencies = Dependencies(*_APIS, pool.NAME, loyalty.NAME)
        self._apis: list[BlockingApi] = []
        self._figures = Figures({"Environment": settings.environment})
        self._figures.declare(RETRIES, RECONNECTS)
        self._patience = (
            Patience.resilient(lambda: self._figures.count(RETRIES)) if self._is_resilient else Patience.fragile()
        )
        self._reporter = Reporter(
            self._api(CLOUDWATCH), self._figures, namespace=NAMESPACE, period_s=settings.metric_period_s
        )
        secretsmanager = self._api(SECRETS)
        self._secret = DatabaseSecret(secretsmanager, settings.database_secret)
        self._pool: Pool = self._make_pool()
        self._ledger = Ledger(self._pool)
        payments = PaymentTable(self._api(DYNAMODB), payments=settings.payments_table, orders=settings.orders_table)
        cards, sqs = SimulatedNetwork(settings.cards), self._api(SQS)
        self._cashier = Cashier(
            cards=cards,
            ledger=self._ledger,
            payments=payments,
            announcements=(
                PaidEvents(self._api(KINESIS), settings.order_stream),
                Accruals(sqs, settings.accrual_queue_url),
            ),
            setbacks=Setbacks(DeadLetters(sqs, settings.dead_letter_url), self._figures, buried=capture.BURIED),
            figures=self._figures,
        )
        self._loyalty = Loyalty(settings.loyalty_url, self._patience.timeouts, self._dependencies)
        self._accruer = Accruer(
            self._loyalty,
            Setbacks(DeadLetters(sqs, settings.accrual_dead_letter_url), self._figures, buried=accrual.BURIED),
            self._figures,
        )
        self._accrual_pauses = Pauses(sqs, settings.accrual_queue_url, longest_s=accrual.LONGEST_PAUSE_S)
        self._pauses = Pauses(sqs, settings.payment_queue_url, longest_s=capture.LONGEST_PAUSE_S)
        guard = Guard(secretsmanager, settings.operator_token_secret)
        self._rehearsal = Rehearsal(guard, cards=cards, ledger=self._ledger, payments=payments)

    def _api(self, service: JsonApi) -> BlockingApi:
        api = BlockingApi(
            service,
            region=self._settings.region,
            keys=self._keys,
            patience=self._patience,
            dependencies=self._dependencies,
        )
        self._apis.append(api)
        return api

    def _make_pool(self) -> Pool:
        if not self._is_resilient:
            return StubbornPool(self._settings.database, self._secret)
        return WriterPool(
            self._settings.database,
            self._secret,
            self._dependencies,
            on_reconnect=lambda: self._figures.count(RECONNECTS),
        )

    def connect(self) -> None:
        """Connect to what every checkout needs; `ConfigurationError` when what is wrong will not mend by itself.

        A database that is away is no reason not to start: the messages wait, and the sandbox is there when it is back.
        """
        deadline.start(INIT_S)
        try:
            self._secret.login()
            self._ledger.ready()
        except AwsError as error:
            if not error.is_retryable:
                problem = f"DATABASE_SECRET: {self._secret.name} cannot be read: {error}"
                raise ConfigurationError.of([problem]) from error
            _log.warning("the database's secret cannot be read now", extra={"error": str(error)})
        except DatabaseUnavailable as error:
            refusal = error.__cause__
            if isinstance(refusal, DatabaseRefused) and refusal.is_password:
                problem = f"DATABASE_SECRET: the database does not take the login in {self._secret.name}: {refusal}"
                raise ConfigurationError.of([problem]) from error
            _log.warning("the ledger has no writer; messages will wait", extra={"error": str(error)})

    def handle(self, event: Mapping[str, object], context: LambdaContext) -> dict[str, object]:
        """Answer one event. Raises for an event that is none of ours; Lambda reports it as the function's error."""
        if self._is_resilient:
            deadline.start(max(context.get_remaining_time_in_millis() / 1e3 - MARGIN_S, 0.1))
        try:
            return self._answer(event)
        finally:
            self._reporter.report()

    def _answer(self, event: Mapping[str, object]) -> dict[str, object]:
        stress = event.get("stress")
        if isinstance(stress, Mapping):
            return self._rehearsal.run(stress)
        if "health" in event:
            return self._health()
        batch = read_batch(event)
        if batch.queue == self._settings.accrual_queue_url.rpartition("/")[2]:
            self._accruer.process(batch)
            self._accrual_pauses.spread(batch)
        else:
            self._cashier.process(batch)
            self._pauses.spread(batch)
        # Without resilience every message counts as done, whatever became of it: the suites must notice.
        return batch.answer() if self._is_resilient else Batch(()).answer()

    def _health(self) -> dict[str, object]:
        """Asks the ledger, since without it nothing is captured; of the others, what the last dealings were."""
        status = "ok"
        deadline.start(HEALTH_S)
        try:
            self._ledger.ping()
        except DatabaseUnavailable as error:
            status = "waiting: the ledger has no writer"
            _log.warning("the ledger has no writer", extra={"error": str(error)})
        return {"status": status, "dependencies": self._dependencies.report()}

    def close(self) -> None:
        """Close every connection. Lambda ends a sandbox without asking; whoever makes one otherwise ends it so."""
        self._pool.close()
        self._loyalty.close()
        for api in self._apis:
            api.close()


def start(environ: Mapping[str, str]) -> Payment:
    """A function that is ready to take events, from the environment that Lambda gives its sandbox."""
    settings = read_settings(environ)
    log.configure(service=NAME_OF_SERVICE, task=settings.sandbox, level=settings.log_level)
    payment = Payment(settings, environ)
    try:
        payment.connect()
    except ConfigurationError:
        payment.close()
        raise
    return payment
