"""A service's process, the same for all of them: settings, parts, application, server.

environment ──> settings ──> parts ──> application ──> served until SIGTERM, ended as its resilience says
                    │          │         its own routes, health and stress inside, the gateway outside,
                    │          │         metrics, stress and its own work beside
                    └── wrong ─┴──> one message, exit status 78
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from fastapi import FastAPI

from services.catalog import HttpService
from services.chassis import log
from services.chassis.environment import ConfigurationError
from services.chassis.parts import TaskParts, configured
from services.chassis.redis.bus import Handler
from services.chassis.settings import EXIT_CONFIGURATION, ChassisSettings, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Beside, Engine, nothing_beside
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.operators import Operators

S = TypeVar("S", bound=ChassisSettings)
P = TypeVar("P", bound=TaskParts)


def serve(
    service: HttpService,
    settings: type[S],
    *,
    task: Callable[[S], str],
    parts: Callable[[S, str], P],
    build: Callable[[P], Gateway],
) -> None:
    """Serve what `build` makes of a task's parts; returns when it has ended. `task` is how the log names the task."""
    try:
        given = load(settings)
        name = task(given)
        log.configure(service=service.name, task=name, level=given.cafe_log_level)
        made = configured(lambda: parts(given, name))
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - for a person, several lines
        raise SystemExit(EXIT_CONFIGURATION) from None
    server.run(build(made), given, made.ending)


def _unobserved(_served: Served) -> None:
    """Nobody looks."""


def _nothing() -> None:
    """There is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What a service has of its own.

    `add` adds its routes, `life` is what runs beside the requests from the first to the last of them, and `hears` what
    it listens to on the bus; `on_connect` as `Bus` has it. `more` and `readiness` as `api.create` has them.
    """

    title: str
    add: Callable[[FastAPI, Operators], object]
    life: Callable[[], AbstractAsyncContextManager[None]]
    observe: Callable[[Served], None] = _unobserved
    limits: Limits = field(default_factory=Limits)
    more: Callable[[], Mapping[str, object]] = api.nothing_more
    readiness: Callable[[], str] = api.always_ready
    beside: Beside = nothing_beside
    hears: Mapping[str, Handler] = field(default_factory=dict)
    on_connect: Callable[[], None] = _nothing


def application(parts: TaskParts, service: HttpService, surface: Surface) -> Gateway:
    """The application, complete: routes inside, gateway outside."""
    stress = Coordinator(parts.redis, parts.bus, service.name)
    engine = Engine(
        entry=service.stress.work,
        vcpu=parts.settings.cafe_vcpu,
        task=parts.task,
        report=stress.report,
        count=partial(parts.metrics.count, service.stress.counts),
        beside=surface.beside,
    )
    app = api.create(
        title=surface.title,
        version="1",
        route=service.route,
        lifespan=lambda _app: _life(parts, surface, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
        more=surface.more,
        readiness=surface.readiness,
    )
    operators = Operators(parts.secrets, parts.settings.operator_token_secret)
    add_stress_routes(app, service.stress_path, service.stress, operators, stress)
    surface.add(app, operators)
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=surface.observe,
        is_internal=lambda path: path.startswith(service.health_path),
        limits=surface.limits,
    )


@asynccontextmanager
async def _life(parts: TaskParts, surface: Surface, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    def connected() -> None:
        stress.look()
        surface.on_connect()

    async with surface.life():
        parts.background.start("metrics", parts.metrics.run())
        parts.background.start("stress", stress.follow(engine))
        handlers: dict[str, Handler] = {stress.channel: stress.look, **surface.hears}
        parts.background.start("stress bus", parts.bus.listen(handlers, connected))
        yield
    await parts.close()
