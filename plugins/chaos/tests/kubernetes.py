"""A cluster of the embedded cloud with the catalogue's services on two nodes: pods are processes, the client official.

It starts with the first call, since most faults need none.
"""

import base64
import re
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from anyio.from_thread import start_blocking_portal

from infrastructure.connection import Clients, Connection
from infrastructure.embedded.kubernetes.api.access import MASTERS, User
from infrastructure.embedded.kubernetes.tests import manifests, world
from infrastructure.kubernetes import NAMESPACE, Kubernetes
from infrastructure.state import StateFolder
from plugins.chaos.fault import Patience
from plugins.chaos.targets import eks
from services.catalog import services_on

NAMES = tuple(service.name for service in services_on("eks"))
GROUPS = {f"arn:group/{name}": name for name in NAMES}
OUTPUTS = {service.key("TargetGroupArn"): f"arn:group/{service.name}" for service in services_on("eks")}
_REPLICAS = 2
_SPREAD = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
_VERBS = {"GET": "get", "PATCH": "patch", "POST": "create", "DELETE": "delete", "PUT": "update"}
_PATH = re.compile(r"/apis?/(?:[\w.]+/)?v1/(?:namespaces/\w+/)?(?P<kind>\w+)(?:/(?P<name>[^/?]+))?(?P<sub>/\w+)?")


class TestKubernetes:
    """Until somebody asks, nothing runs. `calls` are those of `api`, as RBAC names them: `create pods/eviction`."""

    __test__ = False  # pytest: no test class, whatever its name

    def __init__(self, folder: Path) -> None:
        self._state = StateFolder.of("kubernetes", folder)
        self._running = ExitStack()
        self.calls: list[str] = []

    @cached_property
    def api(self) -> Kubernetes:
        """As a platform gives it, with its services ready."""
        self.unseen.core.list_node()
        self.settle()
        made = self._reached()
        asked = made.api.call_api

        def recorded(method: str, url: str, *given: Any, **more: Any) -> Any:
            self.calls.append(_called(method, url))
            return asked(method, url, *given, **more)

        made.api.call_api = recorded
        return made

    @cached_property
    def unseen(self) -> Kubernetes:
        """The same, with nothing written down."""
        made = self._reached()
        made.core.create_namespace({"metadata": {"name": NAMESPACE}})
        for name in NAMES:
            self._deploy(made, name)
        return made

    def pods(self, name: str) -> list[Any]:
        """The pods of a service that take requests."""
        found = self.unseen.core.list_namespaced_pod(NAMESPACE, label_selector=f"app={name}").items
        return [each for each in found if eks.is_ready(each) and not eks.is_ending(each)]

    def addresses(self, group: str) -> list[str]:
        """What the controller of a target group registers."""
        return [each.status.pod_ip for each in self.pods(GROUPS[group])]

    def settle(self) -> None:
        """Whatever a test left: nodes take pods, and each has a ready one of each service. Nothing before the start."""
        if "unseen" not in vars(self):
            return
        for node in self.unseen.core.list_node().items:
            if node.spec.unschedulable:
                self.unseen.core.patch_node(node.metadata.name, {"spec": {"unschedulable": False}})
        Patience(step_s=0.05).until_clear(self._unsettled)

    def close(self) -> None:
        self._running.close()

    def _unsettled(self) -> str | None:
        left = []
        for name in NAMES:
            pods = self.pods(name)
            if len(pods) == _REPLICAS and len({each.spec.node_name for each in pods}) < _REPLICAS:
                self.unseen.core.delete_namespaced_pod(pods[0].metadata.name, NAMESPACE)
            elif len(pods) == _REPLICAS:
                continue
            left.append(f"{name}: {len(pods)} ready")
        return ", ".join(left) or None

    @cached_property
    def _described(self) -> dict[str, Any]:
        """The cluster, running, as EKS describes it."""
        self._state.create()
        portal = self._running.enter_context(start_blocking_portal())
        admin = User(name="cafe", groups=(MASTERS,))
        running = world.running(self._state, authenticate=lambda _token: admin)
        cluster = self._running.enter_context(portal.wrap_async_context_manager(running))
        authority = {"data": base64.b64encode(cluster.authority).decode()}
        return {"status": "ACTIVE", "arn": "arn:test", "endpoint": cluster.url, "certificateAuthority": authority}

    def _reached(self) -> Kubernetes:
        sts = Clients(Connection(region=world.REGION, endpoint_url="http://t", access_key="t", secret_key="t"))("sts")
        eks_api = SimpleNamespace(describe_cluster=lambda **_request: {"cluster": self._described})
        return Kubernetes({"eks": eks_api, "sts": sts}.__getitem__, "test", is_embedded=True)

    def _deploy(self, cluster: Kubernetes, name: str) -> None:
        made = manifests.deployment(name, _REPLICAS)
        made["metadata"]["namespace"] = NAMESPACE
        made["spec"]["template"]["spec"]["topologySpreadConstraints"] = [
            {**_SPREAD, "labelSelector": made["spec"]["selector"]}
        ]
        cluster.apps.create_namespaced_deployment(NAMESPACE, made)
        budget = manifests.budget(name, minAvailable=1)
        budget["metadata"]["namespace"] = NAMESPACE
        cluster.policy.create_namespaced_pod_disruption_budget(NAMESPACE, budget)


def _called(method: str, url: str) -> str:
    """`GET https://host/api/v1/nodes` is `list nodes`."""
    found = _PATH.search(url)
    assert found is not None, url
    verb = "list" if method == "GET" and found["name"] is None else _VERBS[method]
    return f"{verb} {found['kind']}{found['sub'] or ''}"
