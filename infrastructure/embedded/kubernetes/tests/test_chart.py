"""The shape of a public chart (podinfo's, as `helm template` writes it) is applied as it is, and runs."""

import sys
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import SERVER, listed
from infrastructure.embedded.kubernetes.tests.world import COMMAND, processes, until
from infrastructure.embedded.tests.supervisors import needs_views

pytestmark = [
    pytest.mark.anyio,
    needs_views,
]
NAME = "release-podinfo"
LABELS = {
    "helm.sh/chart": "podinfo-6.9.0",
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/version": "6.9.0",
    "app.kubernetes.io/managed-by": "Helm",
}
SELECTED = {"app.kubernetes.io/name": NAME}


def made(version: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "labels": LABELS}, **more}


def container() -> dict[str, Any]:
    ports = [("http", 8080), ("http-metrics", 9797), ("grpc", 9999)]
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 1, "timeoutSeconds": 5}
    return {
        "name": "podinfo",
        "image": f"{COMMAND}:6.9.0",
        "imagePullPolicy": "IfNotPresent",
        "command": [sys.executable, "-c", SERVER, "--port=8080", "--level=info"],
        "env": [{"name": "PODINFO_UI_COLOR", "value": "#34577c"}],
        "envFrom": [{"configMapRef": {"name": NAME}}],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
        "livenessProbe": {**probe, "failureThreshold": 3, "successThreshold": 1, "periodSeconds": 10},
        "readinessProbe": {**probe, "failureThreshold": 3, "successThreshold": 1, "periodSeconds": 10},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/podinfo/config"}],
        "resources": {"requests": {"cpu": "500m", "memory": "16Mi"}},
    }


def chart() -> list[dict[str, Any]]:
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "9898"}
    spec = {
        "terminationGracePeriodSeconds": 30,
        "serviceAccountName": NAME,
        "containers": [container()],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "config", "configMap": {"name": NAME}}],
    }
    ports = [("http", 9898, "http"), ("grpc", 9999, "grpc")]
    deployment = {
        "replicas": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "selector": {"matchLabels": SELECTED},
        "template": {"metadata": {"labels": SELECTED, "annotations": annotations}, "spec": spec},
    }
    service = {
        "type": "ClusterIP",
        "ports": [{"port": port, "targetPort": to, "protocol": "TCP", "name": name} for name, port, to in ports],
        "selector": SELECTED,
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}},
    }
    scaling = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 2, "metrics": [metric]}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": SELECTED}}
    return [
        made("v1", "ServiceAccount"),
        made("v1", "ConfigMap", data={"GREETING": "hello"}),
        made("v1", "Service", spec=service),
        made("apps/v1", "Deployment", spec=deployment),
        made("autoscaling/v2", "HorizontalPodAutoscaler", spec=scaling),
        made("policy/v1", "PodDisruptionBudget", spec=budget),
    ]


async def test_a_charts_shape_is_applied_and_runs(kube: Kubectl, cluster: Cluster) -> None:
    said = await kube("apply", "-f", "-", given=listed(*chart()))
    assert said.count(" created") == len(chart())
    await kube("rollout", "status", f"deployment/{NAME}", "--timeout=25s")
    assert len(processes(cluster)) == 2
    await kube("apply", "-f", "-", given=listed(*chart()))
    assert await kube("get", "deployment", NAME, "-o", "jsonpath={.metadata.generation}") == "1"
    assert await kube("exec", f"deploy/{NAME}", "--", "cat", "/podinfo/config/GREETING") == "hello"
    await kube("delete", "-f", "-", given=listed(*chart()))
    await until(lambda: not processes(cluster))


async def test_events_and_earlier_logs_are_told(kube: Kubectl, cluster: Cluster) -> None:
    """The verbs that go with them: `get events`, `logs --previous`, `annotate`, `expose`."""
    [server] = [each for each in chart() if each["kind"] == "Deployment"]
    server["spec"]["template"]["spec"] = {"containers": [{**container(), "volumeMounts": [], "envFrom": []}]}
    await kube("apply", "-f", "-", given=listed(server))
    await kube("rollout", "status", f"deployment/{NAME}", "--timeout=25s")
    told = await kube("get", "events", "--sort-by=.lastTimestamp", "--field-selector", "reason=Started")
    assert "Started container podinfo" in told
    first = processes(cluster)[0]
    first.kill()
    pod = first.spec.resource.rpartition("/")[2]
    await until(lambda: len(processes(cluster)) == 2 and first not in processes(cluster))
    assert f"hello from {pod}" in await kube("logs", pod, "--previous")
    await kube("annotate", "deployment", NAME, "team=coffee")
    await kube("expose", "deployment", NAME, "--port=80", "--target-port=8080", "--name=exposed")
    assert await kube("get", "service", "exposed", "-o", "jsonpath={.spec.ports[0].targetPort}") == "8080"
