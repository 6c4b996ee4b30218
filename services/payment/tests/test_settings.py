import pytest

from services.chassis.environment import ConfigurationError
from services.payment.settings import read_settings
from services.payment.tests.cloud import Cloud

ENVIRON = Cloud("http://127.0.0.1:1").environ(
    5432,
    PAYMENT_DEAD_LETTER_URL="http://q/dead.fifo",
    PAYMENT_QUEUE_URL="http://q/payments.fifo",
    ACCRUAL_QUEUE_URL="http://q/points.fifo",
    ACCRUAL_DEAD_LETTER_URL="http://q/dead-points.fifo",
)


def test_a_complete_environment_is_read() -> None:
    settings = read_settings({**ENVIRON, "CARD_DECLINE_RATE": "0.1", "CAFE_RESILIENCE": "off"})
    assert (settings.environment, settings.is_resilient, settings.database.port) == ("test", False, 5432)
    assert (settings.cards.decline_rate, settings.cards.timeout_rate, settings.cards.seed) == (0.1, 0.0, "0")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = {
        "CAFE_AURORA_WRITER_URL": "nowhere",
        "CARD_TIMEOUT_RATE": "2",
        "CAFE_NLB_URL": "nowhere",
        "CAFE_RESILIENCE": "maybe",
    }
    environ = {**ENVIRON, **wrong}
    del environ["PAYMENTS_TABLE"], environ["DATABASE_SECRET"]
    with pytest.raises(ConfigurationError) as raised:
        read_settings(environ)
    assert {line.split(":")[0].strip() for line in str(raised.value).splitlines()[1:]} == {
        *wrong,
        "PAYMENTS_TABLE",
        "DATABASE_SECRET",
    }
