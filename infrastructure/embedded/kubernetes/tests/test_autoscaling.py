"""How many replicas an autoscaler wants, by the cases of Kubernetes' own replica calculator."""

import pytest

from infrastructure.embedded.kubernetes.controllers.autoscalers import Load

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
