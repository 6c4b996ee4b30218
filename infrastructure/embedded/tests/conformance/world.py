"""A cloud without processes: moto's records, every controller's calls bound, and what starts things made of nothing."""

import asyncio
import logging
import pkgutil
import tempfile
from pathlib import Path
from typing import Any, cast

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.controller import Closing
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call, HttpRequest
from infrastructure.embedded.gateway.control_plane import ControlPlane
from infrastructure.embedded.gateway.interceptors import chain
from infrastructure.embedded.gateway.request import call_of
from infrastructure.embedded.gateway.routing import Router
from infrastructure.embedded.gateway.signing import credentials
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import ACCOUNT, REGION, ROUTER, fresh_backends
from infrastructure.embedded.tests.ecs_world import FakeNetwork, FakePorts, FakeSupervisor
from infrastructure.state import StateFolder

DEADLINE_S = 5.0


class World:
    """Made anew once a call has changed something, so that no case sees what another one left; unless it `is_kept`."""

    def __init__(self, folder: Path, *, is_kept: bool = False) -> None:
        self._folder = folder
        self._is_kept = is_kept
        self._keyring = Keyring(ACCOUNT)
        self._controllers: list[Any] = []
        self._plane: ControlPlane | None = None
        self.defects = _Defects()

    async def ask(self, asked: HttpRequest, api: Api) -> tuple[Call, Answer]:
        """The call that a request is, and its answer; by `api`, also where another one shares its signing name."""
        call = call_of(asked, Router((api,)) if api.engines else ROUTER, at=0.0)
        plane = self.plane()
        self.defects.clear()
        credentials.caller.set(self._keyring.find(self._keyring.operator.access_key))
        answer = await asyncio.wait_for(plane.handle(call), DEADLINE_S)
        if answer.is_success and call.is_mutation and not self._is_kept:
            await self.close()
        return call, answer

    def plane(self) -> ControlPlane:
        """The control plane as it stands, made when it is first asked for."""
        return self._plane or self._made()

    def _made(self) -> ControlPlane:
        backends, woken = fresh_backends(), set[str]()
        supervisor, network = _Supervisor(), FakeNetwork()
        context = Context(
            state=StateFolder.of("test", Path(tempfile.mkdtemp(dir=self._folder))),
            pace=FAST,
            region=REGION,
            account=ACCOUNT,
            keyring=self._keyring,
            supervisor=cast("Any", supervisor),
            ports=cast("Any", FakePorts()),
            envoy=cast("Any", network),
            network=cast("Any", network),
            metrics=Metrics(backends, FAST),
            backends=backends,
            wake=woken.add,
        )
        self._controllers = [pkgutil.resolve_name(api.controller)(context) for api in PROVIDERS if api.controller]
        self._plane = ControlPlane(
            region=REGION,
            keyring=self._keyring,
            router=ROUTER,
            operations=backends.operations,
            interceptors=chain(backends),
            pages={},
            on_mutation=lambda _service, _name: None,
        )
        return self._plane

    async def close(self) -> None:
        """Forget everything."""
        self._plane = None
        while self._controllers:
            controller = self._controllers.pop()
            if isinstance(controller, Closing):
                await controller.close()


class _Supervisor(FakeSupervisor):
    """Starts nothing, forks nothing."""

    def add_zygote(self, *_: object) -> None:
        pass

    def warm(self, _name: str) -> None:
        pass


class _Defects(logging.Handler):
    """What was logged as a defect: where it was raised."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []
        logging.getLogger("infrastructure.embedded.moto.direct").addHandler(self)

    def clear(self) -> None:
        self.seen.clear()

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        trace = failure.__traceback__ if failure else None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        self.seen.append(f"{type(failure).__name__}: {failure} at {where.rpartition('site-packages/')[2]}")
