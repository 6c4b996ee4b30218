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
    made = []
    for each in manifests:
        try:
            made.append(client.apply(each.document))
        except Refused as refusal:
            raise EnvironmentFault(f"{each.title} is refused by the cluster: {refusal}") from refusal
    return made
