"""Puts the parts of the embedded cloud together and takes them apart again, each in its order.

Opening uses both cores: the zygote imports the services' libraries and Envoy starts while we import moto.
"""

import asyncio
import importlib
import pkgutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.reconciler import Reconciler
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.garbage import Collector
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.network.edges import Network
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.status_pages import StatusPages
from services import catalog

if TYPE_CHECKING:
    from infrastructure.embedded.control.metrics import Metrics
    from infrastructure.embedded.daemon import Options
    from infrastructure.embedded.gateway.control_plane import ControlPlane
    from infrastructure.embedded.gateway.pages import Page
    from infrastructure.embedded.gateway.routing import Owns, Router
    from infrastructure.embedded.host.supervisor import Supervisor
    from infrastructure.embedded.moto.records import Backends

ACCOUNT = "123456789012"
_AWS_API = "AWS_ENDPOINT_URL_"
"""How the variable of an edge to an AWS API begins; every SDK reads it."""


class EmbeddedCloud:
    """All parts on one event loop; implements the daemon's `Cloud`."""

    def __init__(self, options: "Options", supervisor: "Supervisor") -> None:
        self._options = options
        self._supervisor = supervisor
        self._keyring = Keyring(ACCOUNT, options.operator)
        self._ports = Ports()
        self._envoy = Envoy(supervisor, options.state)
        self._network = Network(self._envoy, self._ports)
        self._reconciler: Reconciler | None = None
        self._control_plane: ControlPlane | None = None
        self._metrics: Metrics | None = None
        self._pages: dict[str, Page] = {}
        self._owners: dict[str, Owns] = {}
        self._measuring: asyncio.Task[None] | None = None

    async def open(self) -> str:
        """Start everything; the control plane's URL, once it answers."""
        _, endpoint, _ = await asyncio.gather(
            self._envoy.start(), self._open_control_plane(), asyncio.to_thread(binaries.find_all)
        )
        for api in _called_apis():
            self._network.set_upstream(api, (endpoint,))
        if self._reconciler is not None:
            self._reconciler.start()
        return _url(endpoint)

    async def _open_control_plane(self) -> Endpoint:
        with ThreadPoolExecutor(1) as thread:  # so that a signal, or the owner's death, is acted on meanwhile
            backends = await asyncio.get_running_loop().run_in_executor(thread, _load, self._options.region)
        from infrastructure.embedded.apis.ecs import metadata
        from infrastructure.embedded.gateway import interceptors as registry
        from infrastructure.embedded.gateway.control_plane import ControlPlane
        from infrastructure.embedded.gateway.routing import Router

        endpoint = Endpoint(LOOPBACK, self._ports.allocate())
        reconciler = self._wired(backends, _url(endpoint))
        self._reconciler = reconciler
        status = StatusPages(self._options, self._supervisor, self._network, reconciler, _url(endpoint))
        self._control_plane = ControlPlane(
            region=self._options.region,
            keyring=self._keyring,
            router=self._routed(Router(PROVIDERS)),
            operations=backends.operations,
            interceptors=registry.chain(backends),
            pages={**status.pages, **self._pages, metadata.PAGE: metadata.page(backends.ecs)},
            on_mutation=backends.operations.changed,
        )
        if self._metrics is not None:
            self._metrics.register(Collector(self._control_plane.calls).tick)
        await self._control_plane.serve(endpoint.port)
        return endpoint

    def _routed(self, router: "Router") -> "Router":
        for name, owns in self._owners.items():
            router.own(name, owns)
        return router

    async def close(self) -> None:
        """Services first, while what they depend on still answers; then the way to them, then the APIs."""
        if self._reconciler is not None:
            await self._reconciler.close()
        if self._metrics is not None:
            await self._metrics.close()
        self._network.close()
        await self._envoy.close()
        if self._control_plane is not None:
            await self._control_plane.close()
        self._ports.close()

    def _wired(self, backends: "Backends", url: str) -> Reconciler:
        from infrastructure.embedded.control.metrics import Metrics

        options = self._options
        reconciler = Reconciler(options.pace.resync_s)
        self._metrics = Metrics(backends, options.pace)
        context = Context(
            state=options.state,
            pace=options.pace,
            region=options.region,
            account=ACCOUNT,
            keyring=self._keyring,
            supervisor=self._supervisor,
            ports=self._ports,
            envoy=self._envoy,
            network=self._network,
            metrics=self._metrics,
            backends=backends,
            wake=reconciler.wake,
            url=url,
            pages=self._pages,
            owners=self._owners,
        )
        reconciler.adopt([pkgutil.resolve_name(api.controller)(context) for api in PROVIDERS if api.controller])
        backends.operations.changed = reconciler.notify
        self._measuring = asyncio.create_task(self._metrics.run(), name="metrics")
        return reconciler


def _load(region: str) -> "Backends":
    """Import what costs seconds: moto with all APIs that are served, and what builds on it. The order is moto's."""
    from infrastructure.embedded.moto import imports
    from infrastructure.embedded.moto.records import Backends

    backends = Backends(ACCOUNT, region)
    for api in PROVIDERS:
        if api.moto:
            imports.models(api.moto)
        if api.handler:
            imports.handler(api.moto, api.handler)
    for module in (
        "infrastructure.embedded.gateway.control_plane",
        *(name.partition(":")[0] for api in PROVIDERS for name in (*api.interceptors, api.controller) if name),
        "infrastructure.embedded.gateway.interceptors",
    ):
        importlib.import_module(module)
    return backends


def _called_apis() -> frozenset[str]:
    """The upstreams of the catalogue's edges that are AWS APIs."""
    edges = (edge for service in catalog.SERVICES for edge in service.edges)
    return frozenset(edge.upstream for edge in edges if edge.variable.startswith(_AWS_API))


def _url(endpoint: Endpoint) -> str:
    return f"http://{endpoint.host}:{endpoint.port}"
