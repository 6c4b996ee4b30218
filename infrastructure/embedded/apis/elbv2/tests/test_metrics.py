"""Envoy's counters become the numbers CloudWatch has for a load balancer."""

import pytest

from infrastructure.embedded.apis.elbv2.metrics import Directory, datums
from infrastructure.embedded.network.envoy.admin import increase

ALB = "app/shop/50dc6c495c0c9188"
ORDERS = "targetgroup/orders/943f017f100becff"
DIRECTORY = Directory(
    load_balancers={"app_shop_50dc6c495c0c9188": ALB}, target_groups={"tg-orders-943f017f100becff": ORDERS}
)
PREFIX = "alb.app_shop_50dc6c495c0c9188"
UPSTREAM = "upstream.tg-orders-943f017f100becff"
COUNTERS = {
    f"{PREFIX}.target.requests.{UPSTREAM}.status.200": 7.0,
    f"{PREFIX}.target.requests.{UPSTREAM}.status.201": 1.0,
    f"{PREFIX}.target.requests.{UPSTREAM}.status.404": 1.0,
    f"{PREFIX}.target.requests.{UPSTREAM}.status.500": 1.0,
    f"{PREFIX}.target.time_us.{UPSTREAM}": 2_500_000.0,
    f"{PREFIX}.own.requests.{UPSTREAM}.status.502": 2.0,
    f"{PREFIX}.own.requests.{UPSTREAM}.status.503": 3.0,
    f"{PREFIX}.own.requests.{UPSTREAM}.status.0": 1.0,
    f"{PREFIX}.own.requests.upstream..status.404": 4.0,
    f"{PREFIX}.own.requests.upstream..status.301": 0.0,
}


def reported(target_group: str | None) -> dict[str, tuple[float, str]]:
    """Name to (value, unit) of what has these dimensions."""
    wanted = {"LoadBalancer": ALB} if target_group is None else {"LoadBalancer": ALB, "TargetGroup": target_group}
    return {d.name: (d.value, d.unit) for d in datums(COUNTERS, DIRECTORY) if d.dimensions == wanted}


TARGETS = {
    "HTTPCode_Target_2XX_Count": (8.0, "Count"),
    "HTTPCode_Target_4XX_Count": (1.0, "Count"),
    "HTTPCode_Target_5XX_Count": (1.0, "Count"),
    "HTTPCode_ELB_5XX_Count": (5.0, "Count"),
    "HTTPCode_ELB_502_Count": (2.0, "Count"),
    "HTTPCode_ELB_503_Count": (3.0, "Count"),
    "TargetResponseTime": (0.25, "Seconds"),
}


def test_a_target_group_has_its_own_numbers() -> None:
    """A request counts when a target could be chosen: ten answered, two refused, one given up by the client."""
    assert reported(ORDERS) == {
        **TARGETS,
        "RequestCount": (13.0, "Count"),
        "HTTPCode_ELB_4XX_Count": (1.0, "Count"),
    }


def test_a_load_balancer_adds_what_reached_no_group() -> None:
    assert reported(None) == {
        **TARGETS,
        "RequestCount": (13.0, "Count"),
        "HTTPCode_ELB_4XX_Count": (5.0, "Count"),
    }


def test_a_quiet_load_balancer_reports_no_requests() -> None:
    (datum,) = datums({}, DIRECTORY)
    assert (datum.namespace, datum.name, datum.value) == ("AWS/ApplicationELB", "RequestCount", 0.0)


def test_what_was_deleted_is_no_longer_reported() -> None:
    assert list(datums(COUNTERS, Directory())) == []


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [
        pytest.param({}, {"a": 3.0}, {"a": 3.0}, id="first-reading"),
        pytest.param({"a": 3.0}, {"a": 5.0}, {"a": 2.0}, id="growth"),
        pytest.param({"a": 3.0}, {"a": 3.0}, {"a": 0.0}, id="standstill"),
        pytest.param({"a": 3.0}, {"a": 1.0}, {"a": 1.0}, id="a-new-envoy"),
        pytest.param({"a": 3.0}, {}, {}, id="gone"),
    ],
)
def test_counters_are_read_as_growth(before: dict[str, float], now: dict[str, float], grown: dict[str, float]) -> None:
    assert increase(before, now) == grown
