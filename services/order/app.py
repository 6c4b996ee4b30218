"""The order service's process: reads its settings, puts its parts together, serves until SIGTERM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services import catalog
from services.chassis import process
from services.chassis.aws.task import task_arn, task_id
from services.chassis.figures.metrics import MetricReports
from services.chassis.web.gateway import Gateway, Served
from services.order.assembly import MODES, Mode, Parts
from services.order.desk import LATENCY, REJECTED, OrderDesk
from services.order.routes import ROUTE, add_routes
from services.order.settings import OrderSettings

SERVICE = catalog.http_service("order")


def serve() -> None:
    """Entry point of the task: no argument, everything from the environment, returns when drained."""
    process.serve(
        SERVICE,
        OrderSettings,
        task=lambda settings: task_arn(settings.ecs_container_metadata_uri_v4),
        parts=lambda settings, arn: Parts(settings, task=task_id(arn)),
        build=lambda parts: build(parts, MODES[parts.settings.cafe_resilience](parts)),
    )


def build(parts: Parts, mode: Mode) -> Gateway:
    """The application, complete."""
    desk = OrderDesk(prices=mode.prices, stock=mode.stock, book=mode.book, cache=parts.cache, metrics=parts.metrics)
    surface = process.Surface(
        title="CloudCafe orders",
        add=lambda app, _operators: add_routes(app, desk),
        life=lambda: _life(mode),
        observe=lambda served: _observe(parts.metrics, served),
        more=lambda: {"breakers": {name: breaker.state for name, breaker in parts.breakers.items()}},
    )
    return process.application(parts, SERVICE, surface)


@asynccontextmanager
async def _life(mode: Mode) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await mode.start()
    yield
    await mode.stop()


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.method == "POST" and served.path == ROUTE:
        metrics.duration(LATENCY, served.seconds)
        if served.status >= 400:
            metrics.count(REJECTED)
