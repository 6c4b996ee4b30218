"""The menu service's process: reads its settings, puts its parts together, serves until SIGTERM."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from services import catalog
from services.chassis import process
from services.chassis.web.gateway import Gateway, Limits
from services.menu.assembly import MODES, STALE, Mode, Parts
from services.menu.copy import CHANNEL
from services.menu.routes import add_routes
from services.menu.settings import MenuSettings

SERVICE = catalog.http_service("menu")
LIMITS = Limits(body_bytes=16 * 1024)


def serve() -> None:
    """Entry point of the pod: no argument, everything from the environment, returns when drained."""
    process.serve(
        SERVICE,
        MenuSettings,
        task=lambda settings: settings.cafe_pod_name,
        parts=lambda settings, _task: Parts(settings),
        build=lambda parts: build(parts, MODES[parts.settings.cafe_resilience](parts)),
    )


def build(parts: Parts, mode: Mode) -> Gateway:
    """The application, complete."""
    count_stale = partial(parts.metrics.count, STALE)
    surface = process.Surface(
        title="CloudCafe menu",
        add=lambda app, operators: add_routes(app, mode.menus, mode.changes, operators, count_stale),
        life=lambda: _life(parts, mode),
        observe=parts.observe,
        limits=LIMITS,
        more=lambda: _health(mode),
        readiness=mode.readiness,
        hears={CHANNEL: mode.hear},
        on_connect=mode.wake,
    )
    return process.application(parts, SERVICE, surface)


def _health(mode: Mode) -> Mapping[str, object]:
    return {"status": "degraded"} if mode.is_degraded() else {}


@asynccontextmanager
async def _life(parts: Parts, mode: Mode) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    parts.background.start("menu", mode.follow())
    yield
