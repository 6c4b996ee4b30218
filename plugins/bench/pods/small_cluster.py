"""A cluster of two nodes whose pods are small web servers, and a client of its API.

runner's loop: API server, controllers, kubelets ──▶ pods (processes)      Envoy ──▶ pods
                   ▲ HTTPS                                                    ▲ HTTP
threads: `Api` ────┘                     the load, on the runner's loop ──────┘
"""

import asyncio
import json
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.kubelet import images
from infrastructure.embedded.kubernetes.kubelet.machine import Machine
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.pace import FAST
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

NODES = ("node-a", "node-b")
NAMESPACE = "default"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
_IMAGE = "bench/web"
_REGION = "us-east-1"
_DEADLINE_S, _LOOK_S = 30.0, 0.005
_SERVER = """
import os, socket
server = socket.create_server((os.environ["POD_IP"], 8080), backlog=256)
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok")
    client.close()
"""


class Api:
    """The API as any client has it. Calls block a thread each, never the loop."""

    def __init__(self, cluster: Cluster) -> None:
        context = ssl.create_default_context(cadata=cluster.authority.decode())
        users = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))["users"]
        self.url = cluster.url
        self.token = str(users[0]["user"]["token"])
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, maxsize=8)

    async def __call__(self, method: str, path: str, body: Any = None, *, may_be: tuple[int, ...] = ()) -> Any:
        """The document of the answer; `EnvironmentFault` when it is an error that is none of `may_be`."""
        return await asyncio.to_thread(self._ask, method, path, body, may_be)

    def _ask(self, method: str, path: str, body: Any, may_be: tuple[int, ...]) -> Any:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"authorization": f"Bearer {self.token}", "content-type": kind}
        answer = self._pool.request(method, self.url + path, json.dumps(body) if body else None, headers=headers)
        if answer.status >= 400 and answer.status not in may_be:
            raise EnvironmentFault(f"{method} {path} is answered {answer.status}: {answer.data.decode()[:200]}")
        return answer.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCluster:
    """The cluster and its client; `address` is the Service's of the servers, once there are some."""

    cluster: Cluster
    api: Api

    async def serve(self, replicas: int, **container: Any) -> str:
        """Have so many servers behind a Service, whose address it gives."""
        await self.api("POST", DEPLOYMENT.rpartition("/")[0], _deployment(replicas, container))
        ports = [{"port": 8080, "targetPort": 8080}]
        spec = {"selector": {"app": "web"}, "ports": ports}
        made = await self.api("POST", f"/api/v1/namespaces/{NAMESPACE}/services", _named("v1", "Service", spec))
        await self.until_ready(replicas)
        return str(made["spec"]["clusterIP"])

    async def pods(self) -> list[Any]:
        return list((await self.api("GET", f"{PODS}?labelSelector=app%3Dweb"))["items"])

    async def until_ready(self, replicas: int, without: frozenset[str] = frozenset()) -> None:
        """Until there are so many ready servers, and of those `without`, by uid, none is there."""
        try:
            async with asyncio.timeout(_DEADLINE_S):
                while True:
                    found = await self.pods()
                    ready = [each for each in found if _is_ready(each)]
                    if len(ready) == replicas and without.isdisjoint(each["metadata"]["uid"] for each in found):
                        return
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise EnvironmentFault(f"there were not {replicas} ready pods within {_DEADLINE_S:g} s") from None


@contextmanager
def small_cluster() -> Iterator[tuple[asyncio.Runner, SmallCluster]]:
    """One that is up, with the runner whose loop it lives on: it lives while that runs something."""
    with (
        tempfile.TemporaryDirectory(prefix="cafe-bench-") as folder,
        asyncio.Runner() as runner,
        closing(Ports()) as ports,
        ExitStack() as ending,
    ):
        state = StateFolder.of("bench", Path(folder))
        state.create()
        supervisor = runner.run(_supervisor(state))
        ending.callback(lambda: runner.run(supervisor.close()))
        envoy = Envoy(supervisor, state)
        ending.callback(lambda: runner.run(envoy.close()))
        cluster = Cluster(
            "bench",
            supervisor=supervisor,
            state=state,
            ports=ports,
            pace=FAST,
            images=images.named({_IMAGE: images.command}),
            data_plane=envoy,
        )
        ending.callback(lambda: runner.run(cluster.close()))
        runner.run(_open(envoy, cluster))
        yield runner, SmallCluster(cluster=cluster, api=Api(cluster))


async def _supervisor(state: StateFolder) -> Supervisor:
    return Supervisor(state)


async def _open(envoy: Envoy, cluster: Cluster) -> None:
    await envoy.start()
    await cluster.open()
    for name, zone in zip(NODES, "ab", strict=True):
        cluster.join(
            Machine(name=name, instance=f"i-{name}", instance_type="t3.medium", zone=f"{_REGION}{zone}", region=_REGION)
        )


def _deployment(replicas: int, container: Any) -> Any:
    labels = {"app": "web"}
    server = {
        "name": "web",
        "image": _IMAGE,
        "command": [sys.executable, "-I", "-S", "-c", _SERVER],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        **container,
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [server]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return _named("apps/v1", "Deployment", spec)


def _named(version: str, kind: str, spec: Any) -> Any:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def _is_ready(pod: Any) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    is_true = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return is_true and "deletionTimestamp" not in pod["metadata"]
