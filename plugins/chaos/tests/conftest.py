"""A platform for the faults, and its Kubernetes cluster, which all tests share and each finds settled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.chaos.tests.clouds import TestCloud, cloud
from plugins.chaos.tests.kubernetes import TestKubernetes


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestKubernetes]:
    made = TestKubernetes(tmp_path_factory.mktemp("kubernetes"))
    yield made
    made.close()


@pytest.fixture
def platform(tmp_path: Path, kubernetes: TestKubernetes) -> Iterator[TestCloud]:
    with cloud(tmp_path, kubernetes) as made:
        kubernetes.settle()
        yield made
