"""What the payment function reads from its environment."""

from collections.abc import Mapping
from typing import NamedTuple

from services.chassis.environment import Variables
from services.chassis.http.exchange import Origin
from services.chassis.postgres.connection import Address


class CardSettings(NamedTuple):
    """The simulated card network: median latency in milliseconds, shares from 0 to 1, the seed of all its draws."""

    latency_ms: float
    decline_rate: float
    timeout_rate: float
    seed: str


class PaymentSettings(NamedTuple):
    """Names of what the function reads and writes. Lengths in seconds unless the name says otherwise."""

    environment: str
    region: str
    sandbox: str
    is_resilient: bool
    metric_period_s: float
    log_level: str
    payments_table: str
    orders_table: str
    order_stream: str
    payment_queue_url: str
    dead_letter_url: str
    accrual_queue_url: str
    accrual_dead_letter_url: str
    loyalty_url: str
    database: Address
    database_secret: str
    operator_token_secret: str
    cards: CardSettings


def read_settings(environ: Mapping[str, str]) -> PaymentSettings:
    """The settings in `environ`; `ConfigurationError` names every variable that is missing or wrong and why."""
    with Variables(environ) as read:
        settings = PaymentSettings(
            environment=read.text("CAFE_ENVIRONMENT"),
            region=read.text("AWS_REGION", "us-east-1"),
            sandbox=read.text("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            is_resilient=read.choice("CAFE_RESILIENCE", ("on", "off"), "on") == "on",
            metric_period_s=read.number("CAFE_METRIC_PERIOD_S", least=0.1, most=3600.0, default=60.0),
            log_level=read.choice("CAFE_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
            payments_table=read.text("PAYMENTS_TABLE"),
            orders_table=read.text("ORDERS_TABLE"),
            order_stream=read.text("ORDER_STREAM"),
            payment_queue_url=read.text("PAYMENT_QUEUE_URL"),
            dead_letter_url=read.text("PAYMENT_DEAD_LETTER_URL"),
            accrual_queue_url=read.text("ACCRUAL_QUEUE_URL"),
            accrual_dead_letter_url=read.text("ACCRUAL_DEAD_LETTER_URL"),
            loyalty_url=read.converted("CAFE_NLB_URL", _origin, ""),
            database=read.converted("CAFE_AURORA_WRITER_URL", Address.read, _NOWHERE),
            database_secret=read.text("DATABASE_SECRET"),
            operator_token_secret=read.text("OPERATOR_TOKEN_SECRET"),
            cards=CardSettings(
                latency_ms=read.number("CARD_LATENCY_MS", least=0.0, most=60_000.0, default=20.0),
                decline_rate=read.number("CARD_DECLINE_RATE", least=0.0, most=1.0, default=0.0),
                timeout_rate=read.number("CARD_TIMEOUT_RATE", least=0.0, most=1.0, default=0.0),
                seed=read.text("CARD_SEED", "0"),
            ),
        )
    return settings  # noqa: RET504 - leaving the block is what checks it


def _origin(text: str) -> str:
    Origin.read(text)
    return text.rstrip("/")


_NOWHERE = Address(host="", port=0, database="", ssl_mode="disable", root_certificate=None)
