"""What the official client builds upon watches and leases works as it is: informers and elections."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import aio, client, config
from kubernetes.aio.leaderelection import electionconfig as aio_config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection as AioElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock as AioLock
from kubernetes.informer import SharedInformer
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.tests.manifests import deployment, sleeper
from infrastructure.embedded.kubernetes.tests.world import until

pytestmark = pytest.mark.anyio
SPACE, LOCK = "default", "leader"
TIMES = {"lease_duration": 2, "renew_deadline": 1.5, "retry_period": 1}


async def test_an_informers_cache_follows_the_cluster(cluster: Cluster) -> None:
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        informer = SharedInformer(client.CoreV1Api(api).list_namespaced_pod, SPACE)
        gone: list[str] = []
        informer.add_event_handler("DELETED", lambda pod: gone.append(pod.metadata.name))
        informer.start()
        try:
            cluster.registry.create(kinds.DEPLOYMENT, deployment(replicas=3, containers=[sleeper()]))
            await until(lambda: [each.status.phase for each in informer.cache.list()] == ["Running"] * 3)
            cluster.registry.change(kinds.DEPLOYMENT, (SPACE, "web"), lambda of: of["spec"].update(replicas=1))
            await until(lambda: len(informer.cache.list()) == 1)
            assert len(gone) == 2
        finally:
            await asyncio.to_thread(informer.stop)


def holder(cluster: Cluster) -> str:
    lease = cluster.registry.store.get(kinds.LEASE.id, (SPACE, LOCK))
    return str(objects.spec(lease or {}).get("holderIdentity", ""))


def elect(api: Any, leads: Callable[[], None]) -> threading.Thread:
    """A candidate of the blocking client, which leads until its work fails."""
    lock = LeaseLock(LOCK, SPACE, "first")
    lock.api_instance = client.CoordinationV1Api(api)
    elected = Config(lock, **TIMES, onstarted_leading=leads, onstopped_leading=lambda: None)
    thread = threading.Thread(target=LeaderElection(elected).run, daemon=True)
    thread.start()
    return thread


async def test_one_leads_and_the_next_follows_when_it_fails(cluster: Cluster) -> None:
    """The first is elected by the blocking client, its follower by the other one."""
    fails, follows = threading.Event(), asyncio.Event()

    def work() -> None:
        fails.wait(20)
        raise RuntimeError("the work has failed")

    async def second() -> None:
        follows.set()
        await asyncio.Event().wait()

    async def nothing() -> None:
        return None

    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        thread = elect(api, work)
        await until(lambda: holder(cluster) == "first")
        async with await aio.config.new_client_from_config(str(cluster.kubeconfig)) as other:
            lock = AioLock(LOCK, SPACE, "second", other)
            elected = aio_config.Config(lock, **TIMES, onstarted_leading=second, onstopped_leading=nothing)
            candidate = asyncio.create_task(AioElection(elected).run())
            try:
                await asyncio.sleep(0)
                assert not follows.is_set()
                fails.set()
                async with asyncio.timeout(20):
                    await follows.wait()
                assert holder(cluster) == "second"
            finally:
                candidate.cancel()
                await asyncio.gather(candidate, return_exceptions=True)
        await asyncio.to_thread(thread.join, 10)
