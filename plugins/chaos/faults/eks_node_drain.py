"""A node of the Kubernetes cluster is drained: it takes no more pods, and those that it has are evicted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets import ecs, eks
from services.catalog import Service

_CORDON, _EVICT = "kubernetes:patch nodes", "kubernetes:create pods/eviction"


@dataclass(frozen=True, slots=True, kw_only=True)
class EksNodeDrain:
    """Blast radius: the node on which most pods of `services` run. As `kubectl drain` does it: disruption budgets hold,
    pods have their grace; a budget that never allows it ends the drain after the deadline.

    Uncordoned, a node gets no pods back until some are placed anew: that is the scheduler's to do. An undo that
    restarted the services would change more than the fault did.
    """

    services: tuple[Service, ...]
    name: str = "eks-node-drain"
    title: str = "one node of the Kubernetes cluster is cordoned, and its pods are evicted as budgets allow"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = (
        *("eks:DescribeCluster", "elasticloadbalancing:DescribeTargetHealth", "kubernetes:get deployments"),
        *("kubernetes:get nodes", "kubernetes:list nodes", "kubernetes:list pods"),
    )
    writes: tuple[str, ...] = (_CORDON, _EVICT)
    patience: Patience = field(default_factory=lambda: Patience(deadline_s=180.0, step_s=0.2))  # grace, budgets, images

    def plan(self, cloud: Cloud, at: float) -> Plan:
        cluster, names = cloud.kubernetes(), ", ".join(service.name for service in self.services) or "no service"
        placed, nodes = eks.pods_of(cluster, self.services), eks.schedulable(cluster)
        node = eks.busiest(placed, nodes)
        if node is None or len(nodes) < 2:
            found = f"{len(nodes)} nodes take pods ({', '.join(nodes)}), and the first with pods of {names} is {node}"
            raise EmptyTargetError(f"{found}: a drain needs one, and another; one left cordoned: `cafe restore`")
        there = [pod for pod in eks.evictable(cluster, node) if not eks.is_ending(pod)]
        if lost := eks.unmanaged(there):
            raise EmptyTargetError(f"nobody would replace {', '.join(lost)} of node {node}: give each a controller")
        ours = [pod for pod in placed if pod.spec.node_name == node]
        backup: dict[str, Json] = {"node": node, "pods": [pod.metadata.uid for pod in there]}
        backup["addresses"] = [pod.status.pod_ip for pod in ours]
        backup["groups"] = eks.behind(cloud, self.services)
        cordon = Call(action=_CORDON, resource=node)
        calls = (cordon, *(Call(action=_EVICT, resource=eks.key(pod)) for pod in there))
        plan = Plan(fault=self.name, targets=(node,), calls=calls, undo=(cordon,), backup=backup, created_at=at)
        return plan.reaching(f"1 of {len(nodes)} nodes, {len(ours)} of {len(placed)} pods of {names}")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        eks.cordon(cloud.kubernetes(), plan.saved("node"), wanted=True)
        eks.drain(cloud.kubernetes(), plan.saved("node"), self.patience)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        if eks.is_cordoned(cloud.kubernetes(), plan.saved("node")):
            eks.cordon(cloud.kubernetes(), plan.saved("node"), wanted=False)
        self.patience.until_clear(lambda: eks.missing(cloud, plan.saved("groups")))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """The node is empty, its pods' addresses get no requests, and others do their work."""
        cluster, node, groups = cloud.kubernetes(), plan.saved("node"), plan.saved("groups")
        stayed = {pod.metadata.uid for pod in eks.evictable(cluster, node)} & set(plan.saved("pods"))
        healthy = {target.rpartition(":")[0] for group in groups.values() for target in ecs.healthy(cloud, group)}
        served = healthy & set(plan.saved("addresses"))
        if stayed or served or not eks.is_cordoned(cluster, node) or eks.missing(cloud, groups):
            return None
        return f"node {node} is cordoned, its {len(plan.saved('pods'))} pods are gone, and as many serve elsewhere"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Of whole services. How their pods are spread over the nodes is not in it: that is the scheduler's to say."""
        self.rollback(cloud, plan)
        return {"is_cordoned": eks.is_cordoned(cloud.kubernetes(), plan.saved("node")), "missing": None}
