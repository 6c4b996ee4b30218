"""AWS/VpcLattice out of Envoy's counters."""

from infrastructure.embedded.apis.vpc_lattice.metrics import datums
from infrastructure.embedded.control.metrics import Datum

MENU, PODS = "svc-0aaaaaaaaaaaaaaaa", "tg-0bbbbbbbbbbbbbbbb"
KNOWN = {("Service", MENU), ("TargetGroup", PODS)}
GROWN = {
    f"lattice.{MENU}.target.requests.upstream.lattice-{PODS}.status.200": 8.0,
    f"lattice.{MENU}.target.requests.upstream.lattice-{PODS}.status.404": 2.0,
    f"lattice.{MENU}.target.time_us.upstream.lattice-{PODS}": 50_000.0,
    f"lattice.{MENU}.own.requests.upstream.lattice-{PODS}.status.504": 1.0,
    f"lattice.{MENU}.own.requests.upstream.-.status.503": 3.0,
    f"cluster.lattice-{PODS}.upstream_cx_total": 5.0,
    f"cluster.lattice-{PODS}.upstream_cx_active": 1.0,
    f"cluster.lattice-{PODS}.upstream_cx_connect_fail": 1.0,
}
NOW = {f"cluster.lattice-{PODS}.upstream_cx_active": 4.0}


def told(found: list[Datum], dimension: str) -> dict[str, float]:
    return {each.name: each.value for each in found if dimension in each.dimensions}


def test_a_services_requests_are_counted_by_their_status() -> None:
    found = told(list(datums(GROWN, NOW, KNOWN)), "Service")
    assert found == {
        "TotalRequestCount": 14,
        "HTTPCode_2XX_Count": 8,
        "HTTPCode_3XX_Count": 0,
        "HTTPCode_4XX_Count": 2,
        "HTTPCode_5XX_Count": 4,
        "RequestTime": 5.0,
        "RequestTimeoutCount": 1,
    }


def test_a_target_groups_connections_are_counted_too() -> None:
    found = told(list(datums(GROWN, NOW, KNOWN)), "TargetGroup")
    assert (found["TotalRequestCount"], found["HTTPCode_5XX_Count"]) == (11, 1)
    assert (found["TotalConnectionCount"], found["ActiveConnectionCount"]) == (5, 4)
    assert (found["ConnectionErrorCount"], found["ConnectionTimeoutCount"]) == (1, 0)


def test_from_the_first_request_on_nothing_is_reported_as_zero() -> None:
    silent = dict.fromkeys(GROWN, 0.0)
    found = list(datums(silent, NOW, KNOWN))
    assert told(found, "Service")["TotalRequestCount"] == 0
    assert {each.unit for each in found if each.name == "RequestTime"} == {"Milliseconds"}
    assert list(datums({}, {}, KNOWN)) == []


def test_a_service_that_is_gone_is_not_reported() -> None:
    assert list(datums(GROWN, NOW, set())) == []
