"""Every lag is as long as AWS's under one pace, and never nothing under the other."""

import pytest

from infrastructure.embedded.lags import LAGS, Lag
from infrastructure.embedded.pace import pace

AWS_FIGURES = {
    ("rds", "s"): [5.0],  # "Currently, Aurora DNS zones use a short Time-To-Live (TTL) of five seconds."
}


def test_under_aws_pace_each_is_as_on_aws() -> None:
    found: dict[tuple[str, str], list[float]] = {}
    for lag in LAGS:
        found.setdefault((lag.api, lag.unit), []).append(lag.at(pace("aws")))
    assert found == AWS_FIGURES


@pytest.mark.parametrize("lag", LAGS, ids=lambda lag: f"{lag.api}: {lag.what}"[:40])
def test_under_fast_pace_none_is_longer_and_none_is_nothing(lag: Lag) -> None:
    assert 0.0 < lag.at(pace("fast")) <= lag.at(pace("aws"))


@pytest.mark.parametrize("lag", LAGS, ids=lambda lag: f"{lag.api}: {lag.what}"[:40])
def test_each_has_its_source(lag: Lag) -> None:
    assert "https://" in lag.source
