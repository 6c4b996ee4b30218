"""Where a pod may go: by the cases of Kubernetes' own documentation."""

from typing import Any

import pytest

from infrastructure.embedded.kubernetes.controllers import fitting
from infrastructure.embedded.kubernetes.controllers.fitting import Room
from infrastructure.embedded.kubernetes.tests.manifests import pod

SPREAD = {
    "maxSkew": 1,
    "topologyKey": fitting.ZONE,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def version(of: str, **constraint: Any) -> dict[str, Any]:
    """A pod of a Deployment, from this version of its template."""
    made = pod(containers=[{"name": "main"}], topologySpreadConstraints=[{**SPREAD, **constraint}])
    made["metadata"]["labels"] = {"app": "web", "pod-template-hash": of}
    return made


def room(zone: str, *pods: dict[str, Any]) -> Room:
    meta = {"name": zone, "labels": {fitting.ZONE: zone}}
    return Room({"metadata": meta, "status": {"allocatable": {"pods": "10"}}}, pods)


@pytest.mark.parametrize(
    ("constraint", "zones"),
    [({}, ["b"]), ({"matchLabelKeys": ["pod-template-hash"]}, ["a", "b"]), ({"matchLabelKeys": ["unknown"]}, ["b"])],
    ids=["all", "of-its-version", "key-it-has-not"],
)
def test_pods_are_spread_among_those_that_a_constraint_counts(constraint: dict[str, Any], zones: list[str]) -> None:
    """Both of the former version are in zone a.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/ (matchLabelKeys)
    """
    rooms = [room("a", version("1"), version("1")), room("b")]
    new = version("2", **constraint)
    refused = {each.node["metadata"]["name"]: fitting.refusal(new, each, rooms) for each in rooms}
    assert [zone for zone, why in refused.items() if not why] == zones
    assert set(refused.values()) <= {"", "node(s) didn't match pod topology spread constraints"}
