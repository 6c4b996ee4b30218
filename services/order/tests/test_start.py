"""What a task says that cannot start."""

import pytest

from services.chassis.settings import EXIT_CONFIGURATION
from services.order.app import serve

GOOD = {
    "PORT": "8080",
    "CAFE_ENVIRONMENT": "dev",
    "CAFE_ELASTICACHE_URL": "redis://127.0.0.1:6379/0",
    "OPERATOR_TOKEN_SECRET": "operator",
    "ORDERS_TABLE": "orders",
    "OUTBOX_TABLE": "outbox",
    "PAYMENT_QUEUE_URL": "http://127.0.0.1:4566/1/payments.fifo",
    "ORDER_STREAM": "orders",
    "CAFE_MENU_URL": "http://menu.example",
    "CAFE_INVENTORY_URL": "http://127.0.0.1:8081",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", "nonsense"),
        ("AWS_ENDPOINT_URL", "ftp://host", "ftp://host"),
        ("AWS_PROFILE", "nobody", "nobody"),
        ("CAFE_ELASTICACHE_URL", "redis://host:abc", "CAFE_ELASTICACHE_URL"),
        ("ORDER_STREAM", "", "ORDER_STREAM"),
        ("CAFE_MENU_URL", "", "CAFE_MENU_URL"),
        ("CAFE_MENU_URL", "menu.example", "CAFE_MENU_URL"),
        ("CAFE_INVENTORY_URL", "http://inventory/api", "CAFE_INVENTORY_URL"),
        ("CAFE_INVENTORY_URL", "http://inventory:99999", "CAFE_INVENTORY_URL"),
        ("CAFE_INVENTORY_URL", None, "CAFE_INVENTORY_URL"),
    ],
)
def test_an_environment_that_is_not_usable_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None, said: str
) -> None:
    for each, good in GOOD.items():
        monkeypatch.setenv(each, good)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        serve()
    assert ended.value.code == EXIT_CONFIGURATION
    told = capsys.readouterr().err
    assert told.startswith("the environment is not usable:\n  ")
    assert said in told
    assert "Traceback" not in told
