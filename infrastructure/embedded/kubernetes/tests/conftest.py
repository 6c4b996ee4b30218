"""A cluster, and kubectl for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.tests import kubectl, world
from infrastructure.state import StateFolder


@pytest.fixture
async def cluster(state: StateFolder) -> AsyncIterator[Cluster]:
    async with world.running(state) as made:
        yield made


@pytest.fixture(scope="session")
def program() -> Path:
    return kubectl.path()


@pytest.fixture
def kube(cluster: Cluster, program: Path, tmp_path: Path) -> kubectl.Kubectl:
    return kubectl.Kubectl(program, cluster.kubeconfig, tmp_path)
