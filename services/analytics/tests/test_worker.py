"""What the process says that cannot start, and what it says of itself while it works."""

import asyncio

import pytest

from services.analytics.loading import Batch
from services.analytics.settings import AnalyticsSettings
from services.analytics.worker import LAG, ROWS, Parts, build, serve
from services.chassis.aws import data_api
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.web.tests.asking import ask

GOOD = {
    "PORT": "8080",
    "CAFE_ENVIRONMENT": "dev",
    "CAFE_ELASTICACHE_URL": "redis://127.0.0.1:6379/0",
    "OPERATOR_TOKEN_SECRET": "operator",
    "ORDER_STREAM": "orders",
    "LEASE_TABLE": "leases",
    "REVENUE_BUCKET": "bucket",
    "WAREHOUSE_CLUSTER": "cafe-dev",
    "WAREHOUSE_DATABASE": "cafe",
    "WAREHOUSE_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:warehouse",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORDER_STREAM", ""),
        ("LEASE_TABLE", "a b"),
        ("REVENUE_BUCKET", "UPPER"),
        ("WAREHOUSE_CLUSTER", "1-cluster"),
        ("WAREHOUSE_ROLE", "somebody"),
    ],
)
def test_an_environment_that_is_not_usable_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        serve()
    assert ended.value.code == EXIT_CONFIGURATION
    told = capsys.readouterr().err
    assert told.startswith("the environment is not usable:\n  ")
    assert name in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("is_away", "status"), [(False, "ok"), (True, "degraded")])
def test_health_says_what_is_read_and_is_degraded_while_the_warehouse_is_away(is_away: bool, status: str) -> None:
    async def health() -> dict[str, object]:
        parts = Parts(load(AnalyticsSettings))
        if is_away:
            parts.dependencies.failed(data_api.NAME, "paused")
        answer = await ask(build(parts), "GET", "/analytics/health")
        assert answer.status == 200, "an instance whose warehouse is away is not replaced"
        return answer.document

    found = asyncio.run(health())
    assert (found["status"], found["leases"], found["behind_s"]) == (status, {}, 0.0)


def test_what_was_loaded_is_reported() -> None:
    async def collected() -> dict[str, dict[str, object]]:
        parts = Parts(load(AnalyticsSettings))
        parts.observe(Batch(sales=2, rows=2, poison=1, seconds=0.2, lags=(0.5, 0.7)))
        return {str(datum["MetricName"]): dict(datum) for datum in parts.metrics.collect()}

    figures = asyncio.run(collected())
    assert figures[ROWS]["Value"] == 2
    assert figures["PoisonRecords"]["Value"] == 1
    assert figures[LAG]["Counts"] == [1.0, 1.0]
