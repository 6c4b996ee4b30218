from typing import Annotated

import pytest
from pydantic import AfterValidator, Field

from services.chassis.environment import ConfigurationError
from services.chassis.settings import ChassisSettings, load, with_a_port_if_any

GOOD = {
    "PORT": "8080",
    "CAFE_ENVIRONMENT": "dev",
    "STORE_URL": "redis://127.0.0.1:6379/0",
    "OPERATOR_TOKEN_SECRET": "operator",
}


class StoreSettings(ChassisSettings):
    """Those of a service with a store."""

    store_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in StoreSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_a_complete_environment_is_read() -> None:
    settings = load(StoreSettings)
    assert (settings.port, settings.cafe_environment, settings.cafe_resilience) == (8080, "dev", "on")


@pytest.mark.usefixtures("environment")
def test_a_task_listens_on_loopback_unless_told_otherwise() -> None:
    assert load(StoreSettings).cafe_listen == "127.0.0.1"


@pytest.mark.parametrize("url", ["redis://host:abc", "redis://host:0", "redis://host:99999", "redis://:hunter2/x@host"])
def test_a_cache_whose_port_is_none_is_refused_without_its_password(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("STORE_URL", url)
    with pytest.raises(ConfigurationError, match=r"STORE_URL.*port must be 1 to 65535") as raised:
        load(StoreSettings)
    assert "hunter2" not in str(raised.value)


def test_every_problem_is_reported_at_once_without_any_value(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("OPERATOR_TOKEN_SECRET")
    environment.setenv("PORT", "99999")
    environment.setenv("CAFE_RESILIENCE", "maybe-secret")
    environment.setenv("STORE_URL", "http://:hunter2@host")
    with pytest.raises(ConfigurationError) as raised:
        load(StoreSettings)
    text = str(raised.value)
    for name in ("OPERATOR_TOKEN_SECRET", "PORT", "CAFE_RESILIENCE", "STORE_URL"):
        assert name in text
    assert "hunter2" not in text
    assert "maybe-secret" not in text
