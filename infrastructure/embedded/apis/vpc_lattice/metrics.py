"""AWS/VpcLattice: Envoy's counters of a period, as CloudWatch's metrics of services and of target groups.

From the first request on they are reported always, zero or not. RequestTime is the mean of a period's requests, in
milliseconds: one data point, so only its Average means what it does on AWS.
Source: https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-cloudwatch.html
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from infrastructure.embedded.apis.vpc_lattice.store import Store
from infrastructure.embedded.control import envoy_counters
from infrastructure.embedded.control.envoy_counters import Statistics, StatisticsSource
from infrastructure.embedded.control.metrics import Datum, Metrics

NAMESPACE = "AWS/VpcLattice"
PATTERN = r"^lattice\.|^cluster\.lattice-tg-[^.]*\.upstream_(cx|rq)_[a-z0-9_]*$"
_CONNECTIONS: Mapping[str, tuple[str, str]] = {
    "upstream_cx_total": ("TotalConnectionCount", "Count"),
    "upstream_cx_http1_total": ("HTTP1_ConnectionCount", "Count"),
    "upstream_cx_connect_fail": ("ConnectionErrorCount", "Count"),
    "upstream_cx_connect_timeout": ("ConnectionTimeoutCount", "Count"),
    "upstream_cx_rx_bytes_total": ("TotalReceivedConnectionBytes", "Bytes"),
    "upstream_cx_tx_bytes_total": ("TotalSentConnectionBytes", "Bytes"),
}
_NOW: Mapping[str, str] = {"upstream_cx_active": "ActiveConnectionCount", "upstream_rq_active": "ActiveRequestCount"}
_TIMED_OUT = 504

Dimension = tuple[str, str]
"""`Service` or `TargetGroup`, and its id."""


@dataclass(slots=True)
class _Tally:
    """Counts of one service, or of one target group, in one period."""

    requests: float = 0.0
    answered: float = 0.0
    time_ms: float = 0.0
    timed_out: float = 0.0
    classes: dict[int, float] = field(default_factory=lambda: dict.fromkeys((2, 3, 4, 5), 0.0))

    def count(self, status: int, value: float, *, is_answered: bool) -> None:
        self.requests += value
        self.answered += value if is_answered else 0.0
        self.timed_out += value if status == _TIMED_OUT and not is_answered else 0.0
        if status // 100 in self.classes:
            self.classes[status // 100] += value

    def numbers(self) -> Iterator[tuple[str, float, str]]:
        yield "TotalRequestCount", self.requests, "Count"
        for first, value in self.classes.items():
            yield f"HTTPCode_{first}XX_Count", value, "Count"
        yield "RequestTime", self.time_ms / self.answered if self.answered else 0.0, "Milliseconds"


class ServiceMetrics:
    """Reports at each period's end, as soon as Envoy has answered."""

    def __init__(self, metrics: Metrics, envoy: StatisticsSource, store: Store) -> None:
        self._store = store
        self.asking = envoy_counters.asked(metrics, "VPC Lattice", envoy, PATTERN, self._datums)

    def _datums(self, grown: Statistics, now: Statistics) -> Iterator[Datum]:
        known = {("Service", each) for each in self._store.services} | {("TargetGroup", e) for e in self._store.groups}
        return datums(grown, now, known)


def datums(grown: Mapping[str, float], now: Mapping[str, float], known: set[Dimension]) -> Iterator[Datum]:
    """The metrics of a period, of those `known` that have had a request since Envoy began."""
    tallies: defaultdict[Dimension, _Tally] = defaultdict(_Tally)
    for name, value in grown.items():
        if name.startswith("lattice."):
            _count(tallies, name.split("."), value)
    for of, tally in tallies.items():
        if of not in known:
            continue  # deleted meanwhile
        numbers = [*tally.numbers()]
        if of[0] == "Service":
            numbers.append(("RequestTimeoutCount", tally.timed_out, "Count"))
        else:
            numbers += _connections(of[1], grown, now)
        for name, value, unit in numbers:
            yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=dict([of]))


def _count(tallies: defaultdict[Dimension, _Tally], parts: list[str], value: float) -> None:
    _, service, side, counter, _, upstream, *rest = parts
    of = [("Service", service)]
    if upstream.startswith("lattice-"):
        of.append(("TargetGroup", upstream.removeprefix("lattice-")))
    for key in of:
        if counter == "time_us":
            tallies[key].time_ms += value / 1e3
        else:
            tallies[key].count(int(rest[1]), value, is_answered=side == "target")


def _connections(group: str, grown: Mapping[str, float], now: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    prefix = f"cluster.lattice-{group}."
    for counter, (name, unit) in _CONNECTIONS.items():
        yield name, grown.get(prefix + counter, 0.0), unit
    for gauge, name in _NOW.items():
        yield name, now.get(prefix + gauge, 0.0), "Count"
