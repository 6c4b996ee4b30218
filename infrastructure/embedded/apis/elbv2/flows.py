"""AWS/NetworkELB: Envoy's counters of TCP connections, as CloudWatch's metrics of flows.

What a client resets is not among them: Envoy does not tell a reset from a close.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
"""

from collections.abc import Iterator, Mapping

from infrastructure.embedded.control.metrics import Datum

NAMESPACE = "AWS/NetworkELB"
PATTERN = (
    r"^tcp\.net_[^.]*\.downstream_cx_(total|rx_bytes_total|tx_bytes_total)$|^listener\.net_[^.]*\.downstream_cx_active$"
)
"""Of the listeners of network load balancers, which bear their load balancer's name in Envoy."""
_METRICS: Mapping[str, tuple[str, str]] = {
    "downstream_cx_total": ("NewFlowCount", "Count"),
    "downstream_cx_active": ("ActiveFlowCount", "Count"),
    "downstream_cx_rx_bytes_total": ("ProcessedBytes", "Bytes"),
    "downstream_cx_tx_bytes_total": ("ProcessedBytes", "Bytes"),
}
_GAUGE = "downstream_cx_active"


def datums(grown: Mapping[str, float], now: Mapping[str, float], load_balancers: Mapping[str, str]) -> Iterator[Datum]:
    """The flows of a period, by load balancer; `load_balancers` gives the full name behind one in Envoy's statistics.

    They are reported always, and once more as those of TCP, which is the only protocol.
    """
    for group, full_name in load_balancers.items():
        if not full_name.startswith("net/"):
            continue
        sums = {metric: 0.0 for metric, _ in _METRICS.values()}
        for name in now:
            _, listener, counter = name.split(".")
            if listener.startswith(f"{group}_") and counter in _METRICS:
                sums[_METRICS[counter][0]] += now[name] if counter == _GAUGE else grown[name]
        units = dict(_METRICS.values())
        for metric, value in sums.items():
            for title in (metric, f"{metric}_TCP"):
                yield Datum(
                    namespace=NAMESPACE,
                    name=title,
                    value=value,
                    unit=units[metric],
                    dimensions={"LoadBalancer": full_name},
                )
