"""The menu service's process: reads its settings, puts its parts together, serves until SIGTERM."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from services import catalog
from services.chassis import log
from services.chassis.environment import ConfigurationError
from services.chassis.parts import configured
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Engine
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits
from services.chassis.web.operators import Operators
from services.menu.assembly import MODES, STALE, Mode, Parts
from services.menu.copy import CHANNEL
from services.menu.routes import ROUTE, add_routes
from services.menu.settings import MenuSettings

SERVICE = catalog.http_service("menu")
LIMITS = Limits(body_bytes=16 * 1024)


def serve() -> None:
    """Entry point of the pod: no argument, everything from the environment, returns when drained."""
    try:
        settings = load(MenuSettings)
        log.configure(service="menu", task=settings.cafe_pod_name, level=settings.cafe_log_level)
        parts = configured(lambda: Parts(settings))
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - for a person, several lines
        raise SystemExit(EXIT_CONFIGURATION) from None
    mode = MODES[settings.cafe_resilience](parts)
    server.run(build(parts, mode), settings, mode.ending)


def build(parts: Parts, mode: Mode) -> Gateway:
    """The application, complete: routes inside, gateway outside."""
    settings = parts.settings
    stress = Coordinator(parts.redis, parts.bus, SERVICE.name)
    engine = Engine(
        entry=SERVICE.stress.work,
        vcpu=settings.cafe_vcpu,
        task=settings.cafe_pod_name,
        report=stress.report,
        count=partial(parts.metrics.count, SERVICE.stress.counts),
    )
    app = api.create(
        title="CloudCafe menu",
        version="1",
        route=ROUTE,
        lifespan=lambda _app: _life(parts, mode, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
        more=lambda: _health(mode),
        readiness=mode.readiness,
    )
    operators = Operators(parts.secrets, settings.operator_token_secret)
    add_stress_routes(app, SERVICE.stress_path, SERVICE.stress, operators, stress)
    add_routes(app, mode.menus, mode.changes, operators, partial(parts.metrics.count, STALE))
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=parts.observe,
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=LIMITS,
    )


def _health(mode: Mode) -> Mapping[str, object]:
    return {"status": "degraded"} if mode.is_degraded() else {}


@asynccontextmanager
async def _life(parts: Parts, mode: Mode, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    parts.background.start("menu", mode.follow())
    parts.background.start("metrics", parts.metrics.run())
    parts.background.start("stress", stress.follow(engine))

    def connected() -> None:
        stress.look()
        mode.wake()

    handlers: dict[str, Callable[[bytes], None]] = {stress.channel: stress.look, CHANNEL: mode.hear}
    parts.background.start("bus", parts.bus.listen(handlers, connected))
    yield
    await parts.close()
