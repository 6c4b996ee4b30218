"""What an object gets where nothing is given, type by type, as Kubernetes' own defaulting does it.

Source: k8s.io/kubernetes, pkg/apis/*/v1/defaults.go; the API reference names each default.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import types
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store.objects import Draft

_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "Container": {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    },
    "PodSpec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
    "ContainerPort": {"protocol": "TCP"},
    "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "ConfigMapVolumeSource": {"defaultMode": 420},
    "SecretVolumeSource": {"defaultMode": 420},
    "DeploymentSpec": {
        "replicas": 1,
        "strategy": {"type": "RollingUpdate"},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    "RollingUpdateDeployment": {"maxSurge": "25%", "maxUnavailable": "25%"},
    "ReplicaSetSpec": {"replicas": 1},
    "DaemonSetSpec": {
        "revisionHistoryLimit": 10,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    },
    "JobSpec": {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "manualSelector": False,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": False,
    },
    "CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "failedJobsHistoryLimit": 1,
        "successfulJobsHistoryLimit": 3,
        "suspend": False,
    },
    "ServiceSpec": {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    },
    "ServicePort": {"protocol": "TCP"},
    "Secret": {"type": "Opaque"},
    "HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "ReplicaSetStatus": {"replicas": 0},
    "DaemonSetStatus": dict.fromkeys(
        ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"), 0
    ),
    "PodDisruptionBudgetStatus": dict.fromkeys(
        ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0
    ),
    "HorizontalPodAutoscalerStatus": {"desiredReplicas": 0},
    "RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
}


def complete(of: Draft, kind: Kind) -> None:
    """Fill in what is not given, in place."""
    _fill(of, kind.name)


def _fill(of: Draft, type_name: str) -> None:
    for name, value in _PLAIN.get(type_name, {}).items():
        if name not in of:
            of[name] = dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value
    if type_name in _COMPUTED:
        _COMPUTED[type_name](of)
    for name, field in (types.fields(type_name) or {}).items():
        value = of.get(name)
        inner = [value] if not field.shape else value if field.shape == "[" else ()
        for each in inner or ():
            if isinstance(each, dict):
                _fill(each, field.type)


def _container(of: Draft) -> None:
    image = str(of.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    of.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent")


def _resources(of: Draft) -> None:
    """A limit without a request is a request, too."""
    if of.get("limits"):
        of["requests"] = {**of["limits"], **(of.get("requests") or {})}


def _strategy(of: Draft) -> None:
    if of.get("type") == "RollingUpdate":
        of.setdefault("rollingUpdate", {})


def _service_port(of: Draft) -> None:
    of.setdefault("targetPort", of.get("port"))


def _job(of: Draft) -> None:
    if "completions" not in of and of["parallelism"] == 1:
        of["completions"] = 1


def _pod(of: Draft) -> None:
    if "serviceAccountName" not in of and "serviceAccount" in of:
        of["serviceAccountName"] = of["serviceAccount"]


def _secret(of: Draft) -> None:
    """What is given as text is kept as base64."""
    texts = of.pop("stringData", None) or {}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
    if encoded:
        of["data"] = {**(of.get("data") or {}), **encoded}


def _autoscaler(of: Draft) -> None:
    if not of.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        of["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _namespace(of: Draft) -> None:
    of.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    of["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = of["metadata"]["name"]
    of.setdefault("status", {}).setdefault("phase", "Active")


_COMPUTED: Mapping[str, Callable[[Draft], None]] = {
    "Namespace": _namespace,
    "Container": _container,
    "ResourceRequirements": _resources,
    "DeploymentStrategy": _strategy,
    "ServicePort": _service_port,
    "JobSpec": _job,
    "PodSpec": _pod,
    "Secret": _secret,
    "HorizontalPodAutoscalerSpec": _autoscaler,
}
