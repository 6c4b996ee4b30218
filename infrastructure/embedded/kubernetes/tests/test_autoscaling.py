"""How many replicas an autoscaler wants, by the cases of Kubernetes' own replica calculator."""

import pytest

from infrastructure.embedded.kubernetes.controllers.autoscalers import Autoscalers, Load
from infrastructure.embedded.kubernetes.controllers.parts import Parts
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tests.manifests import deployment, pod, sleeper
from infrastructure.embedded.pace import AWS

GOAL = 70.0


def load(*cores: float, starting: int = 0) -> Load:
    """Of pods that ask for one core each."""
    asked = float(len(cores))
    return Load(pods=len(cores), cores=sum(cores), asked=asked, starting=starting, asked_by_all=asked + starting)


@pytest.mark.parametrize(
    ("measured", "has", "wanted"),
    [
        pytest.param(load(0.9, 0.9), 2, 3, id="busy pods get help"),
        pytest.param(load(0.2, 0.2), 2, 1, id="idle ones are too many"),
        pytest.param(load(0.72, 0.74), 2, 2, id="within a tenth of the goal nothing changes"),
        pytest.param(load(1.0, starting=1), 2, 2, id="one that starts may be help enough"),
        pytest.param(load(1.0, 1.0, starting=1), 3, 3, id="and is waited for while it would be nearly enough"),
        pytest.param(load(1.0, 1.0, 1.0, 1.0, starting=1), 5, 6, id="unless it would not do even so"),
        pytest.param(load(0.2, starting=1), 2, 1, id="on the way down it is left out"),
    ],
)
def test_replicas_follow_the_load_of_pods_that_are_measured(measured: Load, has: int, wanted: int) -> None:
    assert measured.wanted(has, GOAL) == wanted


def test_what_it_finds_was_wanted_for_the_length_of_the_window() -> None:
    """So idle pods are not taken at its first look; `recordInitialRecommendation` in Kubernetes' horizontal.go."""
    clock = [0.0]
    registry = Registry(Store(), clock=lambda: clock[-1])
    registry.create(kinds.NAMESPACE, {"metadata": {"name": "default"}})
    registry.create(kinds.DEPLOYMENT, deployment(replicas=3))
    one = pod(containers=[sleeper(resources={"requests": {"cpu": "100m"}})])
    one["metadata"]["labels"] = {"app": "web"}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    registry.set_status(kinds.POD, registry.create(kinds.POD, one), ready)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 4,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    scaler = registry.create(kinds.AUTOSCALER, {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
    looks = Autoscalers(Parts.of(registry, AWS), cores=lambda _pod: 0.0)
    sizes = []
    for at in (0.0, 299.0, 301.0):
        clock.append(at)
        looks.follow(scaler)
        sizes.append(objects.spec(registry.get(kinds.DEPLOYMENT, ("default", "web")))["replicas"])
    assert sizes == [3, 3, 1]
