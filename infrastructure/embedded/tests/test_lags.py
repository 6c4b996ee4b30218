"""Every lag is as long as AWS's under one pace, and never nothing under the other."""

import re

import pytest

from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.lags import DEREGISTERED_TARGET, LAGS, STOPPED_TASK, Lag
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.pace import pace
from infrastructure.templates import read
from services import catalog

AWS_FIGURES = {
    ("elasticloadbalancing", "s"): [4.0],  # with ECS's own second: "this happens for 3~5 seconds"
    ("ecs", "s"): [1.0],
    ("elasticache", "s"): [5.0, 60.0],  # AWS has none: as Aurora's zones, and a node that is replaced in a minute
    ("lambda", "batches"): [5.0],  # "Lambda starts processing five batches at a time"
    ("lambda", "batches/min"): [300.0],  # "by up to 300 more instances per minute"
    ("eks", "s"): [1.0],  # "The default value of 1s should work well in most clusters."
    ("kinesis", "s"): [30.0],  # "30 to 60 seconds" for a split
    ("logs", "s"): [5.0],  # "defaultForceFlushInterval = 5 * time.Second"
    ("dynamodb", ""): [0.0],  # it happens or it does not
    ("rds", "s"): [5.0],  # "Currently, Aurora DNS zones use a short Time-To-Live (TTL) of five seconds."
}


def test_under_aws_pace_each_is_as_on_aws() -> None:
    found: dict[tuple[str, str], list[float]] = {}
    for lag in LAGS:
        found.setdefault((lag.api, lag.unit), []).append(lag.at(pace("aws")))
    assert found == AWS_FIGURES


@pytest.mark.parametrize("lag", [lag for lag in LAGS if lag.unit], ids=lambda lag: f"{lag.api}: {lag.what}"[:40])
def test_under_fast_pace_none_is_longer_and_none_is_nothing(lag: Lag) -> None:
    assert 0.0 < lag.at(pace("fast")) <= lag.at(pace("aws"))


@pytest.mark.parametrize("lag", LAGS, ids=lambda lag: f"{lag.api}: {lag.what}"[:40])
def test_each_has_its_source(lag: Lag) -> None:
    assert "https://" in lag.source


@pytest.mark.parametrize("name", ["fast", "aws"])
def test_a_task_accepts_for_longer_after_sigterm_than_it_gets_requests(name: str) -> None:
    """Else the last ones meet nobody: 502."""
    around = Surroundings(
        region="us-east-1",
        url="",
        pace=pace(name),
        edge=lambda *_: Endpoint(LOOPBACK, 1),
        secret=lambda _: "",
        password=lambda _: "",
        credentials=Keyring("123456789012").workload,
    )
    body = read("compute").body
    in_tasks, in_user_data = (
        set(re.findall(form, body)) for form in (r'CAFE_DRAIN_MIN_S, Value: "(\d+)"', r"given CAFE_DRAIN_MIN_S (\d+)")
    )
    assert in_tasks == in_user_data == {"10"}
    late_s = STOPPED_TASK.at(pace(name)) + DEREGISTERED_TARGET.at(pace(name))
    for configured in ({"CAFE_DRAIN_MIN_S": "10"}, {}):
        given = around.environment(configured, "order", catalog.http_services()[0])
        assert float(given["CAFE_DRAIN_MIN_S"]) >= 1.5 * late_s
