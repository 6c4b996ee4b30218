"""07: a node of the Kubernetes cluster is drained.

The undo lets the node take pods again and moves none: the services' pods stay on the others, as on any cluster, and a
second drain has them all. `kubectl -n cafe rollout restart deployment` spreads them anew.
"""

from plugins.chaos.faults.eks_node_drain import EksNodeDrain
from plugins.chaos.scenario import Expected, Recovery, Scenario, Source
from plugins.load.journeys import LookUp, PlaceOrder
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly
from services.catalog import services_on

EKS_NODE_DRAIN = Scenario(
    id="07-eks-node-drain",
    title="EKS node drain",
    hypothesis="Disruption budgets hold while a node's pods move: no order fails, and no question about stock or menu.",
    fault=EksNodeDrain(services=services_on("eks")),
    rate=40.0,
    mix=((PlaceOrder.name, 0.6), (LookUp.name, 0.4)),
    warm_up_s=4.0,
    baseline=Slo.of("before the drain", "p95 <= 250 ms", "errors <= 0 %", "dropped <= 0 %"),
    # A pod's grace is three quarters of a minute, its new one's start and its node's image come on top.
    during=Slo.of("pods move", "injection <= 90 s", "p99 <= 500 ms", "errors <= 0 %", "dropped <= 0 %"),
    recovered=Slo.of("moved", "p99 <= 250 ms", "errors <= 0 %", "rto <= 2 s", "rpo <= 0"),
    recovery=Recovery(good=Slo.of("a good second", "errors <= 0 %", "goodput >= 30 /s"), counted_from="inject"),
    anomalies=tuple(
        Expected(
            anomaly=Anomaly(name=f"HealthyHostCount of {service.name}", direction="down", by=1, unit="hosts"),
            source=Source(
                namespace="AWS/ApplicationELB",
                metric="HealthyHostCount",
                stat="Minimum",
                dimensions=(
                    ("TargetGroup", f"{{{service.key('TargetGroupFullName')}}}"),
                    ("LoadBalancer", "{AlbFullName}"),
                ),
            ),
        )
        for service in services_on("eks")
    ),
)
