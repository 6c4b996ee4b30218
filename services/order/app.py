"""The order service's process: reads its settings, puts its parts together, serves until SIGTERM."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from services import catalog
from services.chassis import log
from services.chassis.aws.task import task_arn, task_id
from services.chassis.environment import ConfigurationError
from services.chassis.figures.metrics import MetricReports
from services.chassis.parts import configured
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Engine
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.operators import Operators
from services.order.assembly import MODES, Mode, Parts
from services.order.desk import LATENCY, REJECTED, OrderDesk
from services.order.routes import ROUTE, add_routes
from services.order.settings import OrderSettings

SERVICE = catalog.http_service("order")
LIMITS = Limits()


def serve() -> None:
    """Entry point of the task: no argument, everything from the environment, returns when drained."""
    try:
        settings = load(OrderSettings)
        arn = task_arn(settings.ecs_container_metadata_uri_v4)
        log.configure(service="order", task=arn, level=settings.cafe_log_level)
        parts = configured(lambda: Parts(settings, task=task_id(arn)))
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
        task=parts.task,
        report=stress.report,
        count=partial(parts.metrics.count, SERVICE.stress.counts),
    )
    app = api.create(
        title="CloudCafe orders",
        version="1",
        route=ROUTE,
        lifespan=lambda _app: _life(parts, mode, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
        more=lambda: {"breakers": {name: breaker.state for name, breaker in parts.breakers.items()}},
    )
    desk = OrderDesk(prices=mode.prices, stock=mode.stock, book=mode.book, cache=parts.cache, metrics=parts.metrics)
    operators = Operators(parts.secrets, settings.operator_token_secret)
    add_stress_routes(app, SERVICE.stress_path, SERVICE.stress, operators, stress)
    add_routes(app, desk)
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=lambda served: _observe(parts.metrics, served),
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=LIMITS,
    )


@asynccontextmanager
async def _life(parts: Parts, mode: Mode, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await mode.start()
    parts.background.start("metrics", parts.metrics.run())
    parts.background.start("stress", stress.follow(engine))
    parts.background.start("stress bus", parts.bus.listen({stress.channel: stress.look}, stress.look))
    yield
    await mode.stop()
    await parts.close()


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.method == "POST" and served.path == ROUTE:
        metrics.duration(LATENCY, served.seconds)
        if served.status >= 400:
            metrics.count(REJECTED)
