"""AWS/ApplicationELB: Envoy's counters of a period, and the states of the targets, as CloudWatch metrics.

Network load balancers, whose full names begin with `net/`, report hosts and `flows`, and no requests.

Source, also for what is reported when nothing happened:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
TargetResponseTime is the mean of a period's requests: one data point, so only its Average means what it does on AWS.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from infrastructure.embedded.apis.elbv2 import flows
from infrastructure.embedded.control import envoy_counters
from infrastructure.embedded.control.envoy_counters import Statistics, StatisticsSource
from infrastructure.embedded.control.metrics import Datum, Metrics

NAMESPACE = "AWS/ApplicationELB"
PATTERN = r"^alb\."
"""Envoy's statistics of load balancers; `engines.envoy_http` says how they are named."""
CLIENT_LEFT = 460
"""What an Application Load Balancer logs when the client closes before it is answered; Envoy counts a 0."""
_NO_TARGET = 503
_NAMED_STATUSES = (502, 503, 504)

Dimensions = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """How many targets of a group are healthy and unhealthy behind a load balancer (dimensions' full names)."""

    load_balancer: str
    target_group: str
    healthy: int
    unhealthy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Which full name, as CloudWatch's dimensions have it, stands behind a name in Envoy's statistics."""

    load_balancers: Mapping[str, str] = field(default_factory=dict)
    target_groups: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[Hosts, ...] = ()


@dataclass(slots=True)
class _Tally:
    """Counts of one load balancer, or of one target group behind it, in one period."""

    requests: float = 0.0
    answered: float = 0.0
    response_time_s: float = 0.0
    target_classes: dict[int, float] = field(default_factory=dict)
    own_statuses: dict[int, float] = field(default_factory=dict)


class LoadBalancerMetrics:
    """Reports at each period's end the hosts at once, the counters as soon as Envoy has answered."""

    def __init__(self, metrics: Metrics, envoy: StatisticsSource, directory: Callable[[], Directory]) -> None:
        self._metrics = metrics
        self._directory = directory
        self._hosts: tuple[Hosts, ...] = ()
        metrics.register(lambda _: _host_counts(directory().hosts))
        pattern = f"{PATTERN}|{flows.PATTERN}"
        self.asking = envoy_counters.asked(metrics, "the load balancers", envoy, pattern, self._datums)

    def note_hosts(self) -> None:
        """Report host counts that have changed at once: a target that was missing for less than a period was missing.

        CloudWatch's Minimum and Maximum of the period then tell, as they do on AWS, where every node of the load
        balancer reports what it sees.
        """
        now = self._directory().hosts
        if now != self._hosts:
            self._hosts = now
            for datum in _host_counts(now):
                self._metrics.record(datum)

    def _datums(self, grown: Statistics, now: Statistics) -> Iterable[Datum]:
        directory = self._directory()
        requests = {name: value for name, value in grown.items() if name.startswith("alb.")}
        connections = {name: value for name, value in now.items() if name not in requests}
        return (*datums(requests, directory), *flows.datums(grown, connections, directory.load_balancers))


def datums(grown: Mapping[str, float], directory: Directory) -> Iterator[Datum]:
    """The metrics of a period. RequestCount is reported always, the others when not zero."""
    tallies: dict[tuple[str, str], _Tally] = {(group, ""): _Tally() for group in directory.load_balancers}
    for name, value in grown.items():
        _count(tallies, name.split("."), value)
    for (group, upstream), tally in tallies.items():
        balancer = directory.load_balancers.get(group)
        target_group = directory.target_groups.get(upstream)
        if balancer is None or balancer.startswith("net/") or (upstream and target_group is None):
            continue  # knows no requests; or deleted meanwhile: AWS stops reporting it, too
        dimensions = {"LoadBalancer": balancer}
        if target_group is not None:
            dimensions["TargetGroup"] = target_group
        yield from _tally_datums(tally, dimensions)


def _count(tallies: dict[tuple[str, str], _Tally], parts: list[str], value: float) -> None:
    _, group, side, counter, _, upstream, *rest = parts
    for key in {(group, ""), (group, upstream)}:
        tally = tallies.setdefault(key, _Tally())
        if counter == "time_us":
            tally.response_time_s += value / 1e6
        elif side == "target":
            _count_target(tally, int(rest[1]), value)
        else:
            _count_own(tally, int(rest[1]) or CLIENT_LEFT, value, chose_target=bool(upstream))


def _count_target(tally: _Tally, status: int, value: float) -> None:
    tally.requests += value
    tally.answered += value
    tally.target_classes[status // 100] = tally.target_classes.get(status // 100, 0.0) + value


def _count_own(tally: _Tally, status: int, value: float, *, chose_target: bool) -> None:
    """AWS counts a request only when a target could be chosen for it."""
    if chose_target and status != _NO_TARGET:
        tally.requests += value
    tally.own_statuses[status] = tally.own_statuses.get(status, 0.0) + value


def _tally_datums(tally: _Tally, dimensions: Dimensions) -> Iterator[Datum]:
    numbers = {"RequestCount": tally.requests}
    for first, count in sorted(tally.target_classes.items()):
        numbers[f"HTTPCode_Target_{first}XX_Count"] = count
    for status, count in sorted(tally.own_statuses.items()):
        numbers[f"HTTPCode_ELB_{status // 100}XX_Count"] = (
            numbers.get(f"HTTPCode_ELB_{status // 100}XX_Count", 0.0) + count
        )
        if status in _NAMED_STATUSES:
            numbers[f"HTTPCode_ELB_{status}_Count"] = count
    for name, value in numbers.items():
        if value or name == "RequestCount":
            yield _datum(name, value, "Count", dimensions)
    if tally.answered:
        yield _datum("TargetResponseTime", tally.response_time_s / tally.answered, "Seconds", dimensions)


def _host_counts(hosts: Iterable[Hosts]) -> Iterator[Datum]:
    for entry in hosts:
        dimensions = {"LoadBalancer": entry.load_balancer, "TargetGroup": entry.target_group}
        yield _datum("HealthyHostCount", entry.healthy, "Count", dimensions)
        yield _datum("UnHealthyHostCount", entry.unhealthy, "Count", dimensions)


def _datum(name: str, value: float, unit: str, dimensions: Dimensions) -> Datum:
    namespace = flows.NAMESPACE if dimensions["LoadBalancer"].startswith("net/") else NAMESPACE
    return Datum(namespace=namespace, name=name, value=value, unit=unit, dimensions=dimensions)
