"""Applies what is wanted, and waits until it is there."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Kubernetes
from infrastructure.manifests.cluster import ClusterClient, Refused
from infrastructure.manifests.render import NAMESPACE, Manifest
from infrastructure.manifests.rollout import wait
from infrastructure.stacks import Talk

_HANDOVER = "cafe-handover"
"""Whose field the number of pods is until the autoscaler changes it."""


def deploy(
    kubernetes: Kubernetes, manifests: Sequence[Manifest], values: Mapping[str, str], within_s: float, talk: Talk
) -> None:
    """Apply all of it and wait until every Deployment is rolled out, `within_s` seconds at most.

    `EnvironmentFault` says which object the API refuses, with its Status; or what holds a rollout up, with the end of
    the log that tells why.
    """
    if not manifests:
        return
    began = time.monotonic()
    with ClusterClient(kubernetes) as client:
        made = _apply(client, manifests)
        deployments = [each for each in made if each["kind"] == "Deployment"]
        wait(client, values[NAMESPACE], deployments, within_s)
    talk(f"manifests: {len(manifests)} objects applied ({time.monotonic() - began:.1f} s)")


def check(kubernetes: Kubernetes, manifests: Sequence[Manifest]) -> tuple[str, ...]:
    """What the cluster would refuse of it, by its schemas and rules; it changes nothing."""
    problems = []
    with ClusterClient(kubernetes) as client:
        for each in manifests:
            try:
                client.apply(each.document, is_dry=True)
            except Refused as refusal:
                problems.append(f"{each.title}: {refusal}")
    return tuple(problems)


def _apply(client: ClusterClient, manifests: Sequence[Manifest]) -> list[Mapping[str, Any]]:
    least = _least(manifests)
    made = []
    for each in manifests:
        try:
            now = client.apply(each.document)
            if each.kind == "Deployment" and now["spec"]["replicas"] < least.get(each.name, 0):
                now = client.apply(_sized(each.document, least[each.name]), manager=_HANDOVER)
            made.append(now)
        except Refused as refusal:
            raise EnvironmentFault(f"{each.title} is refused by the cluster: {refusal}") from refusal
    return made


def _least(manifests: Sequence[Manifest]) -> Mapping[str, int]:
    """How many pods a Deployment has at least by its autoscaler, which would see to it a quarter of a minute later."""
    specs = (each.document["spec"] for each in manifests if each.kind == "HorizontalPodAutoscaler")
    return {spec["scaleTargetRef"]["name"]: int(spec.get("minReplicas", 1)) for spec in specs}


def _sized(deployment: Mapping[str, Any], replicas: int) -> Mapping[str, Any]:
    """The number alone: applied by a manager of its own it is never taken back by an apply that does not state it.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
    """
    meta = {name: value for name, value in deployment["metadata"].items() if name in ("name", "namespace")}
    return {**deployment, "metadata": meta, "spec": {"replicas": replicas}}
