"""The inventory service's process: reads its settings, puts its parts together, serves until SIGTERM."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from services import catalog
from services.chassis import process
from services.chassis.figures.metrics import MetricReports
from services.chassis.parts import TaskParts
from services.chassis.postgres import pool
from services.chassis.postgres.pool import prepared, writer_pool
from services.chassis.redis import cache
from services.chassis.redis.cache import RedisCache
from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.health import Dependencies
from services.chassis.web.problems import HttpProblem
from services.inventory.desk import COUNTS, Desk
from services.inventory.expiry import EXPIRED, PURGED, Expiry
from services.inventory.fragile import HastyStock
from services.inventory.levels import HITS, MISSES, CachedLevels
from services.inventory.routes import ROUTE, add_routes
from services.inventory.settings import InventorySettings
from services.inventory.store import AuroraStock

SERVICE: Final = catalog.http_service("inventory")
LATENCY: Final = "ReserveLatency"
LIMITS: Final = Limits(body_bytes=1024 * 1024)
"""A hundred orders of fifty lines, to be taken together, are half of that."""
TABLES_S: Final = 1.0
"""How long a pod that starts waits for its tables before it answers: its first readiness probe finds it ready."""


def serve() -> None:
    """Entry point of the pod: no argument, everything from the environment, returns when drained."""
    process.serve(
        SERVICE,
        InventorySettings,
        task=lambda settings: settings.cafe_pod_name,
        parts=lambda settings, _task: Parts(settings),
        build=build,
    )


class Parts(TaskParts):
    """The clients of one pod."""

    settings: InventorySettings

    def __init__(self, settings: InventorySettings) -> None:
        super().__init__(
            settings,
            task=settings.cafe_pod_name,
            namespace=SERVICE.namespace,
            redis_url=settings.cafe_elasticache_url,
            dependencies=Dependencies("cloudwatch", "secretsmanager", pool.NAME, cache.NAME),
        )
        self.metrics.declare(*COUNTS, EXPIRED, PURGED, HITS, MISSES)
        self.database = writer_pool(
            self,
            url=settings.cafe_aurora_writer_url,
            secret=settings.database_secret,
            application=SERVICE.name,
        )
        self.stock = (AuroraStock if self.is_resilient else HastyStock)(self.database)
        self.levels = CachedLevels(self.stock, RedisCache(self.redis, self.dependencies), self.metrics)
        purge = partial(self.stock.purge, settings.reservation_retention_s)
        self.expiry = Expiry(self.stock.end_holds, purge, self.levels.changed, self.metrics)
        self.has_begun = False

    async def prepare(self) -> None:
        """Make the tables as soon as there is a database, and begin the work that needs them."""
        await prepared(self.stock.prepare)
        self.has_begun = True
        self.background.start("expiry", self.expiry.keep())

    def readiness(self) -> str:
        """Ready once there are tables; degraded, and serving what it can, while the database or the cache fails."""
        if not self.has_begun:
            raise HttpProblem(503, "starting", "there is no database yet", headers={"Retry-After": "1"})
        dealings = self.dependencies.report()
        is_degraded = any(dealings[name]["state"] == "failing" for name in (pool.NAME, cache.NAME))
        return "degraded" if is_degraded else "ready"

    async def close_stores(self) -> None:
        await self.database.close()


def build(parts: Parts) -> Gateway:
    """The application, complete."""
    desk = Desk(parts.stock, parts.levels, parts.metrics)
    surface = process.Surface(
        title="CloudCafe inventory",
        add=lambda app, operators: add_routes(app, desk, operators),
        life=lambda: _life(parts),
        observe=lambda served: _observe(parts.metrics, served),
        limits=LIMITS,
        readiness=parts.readiness,
    )
    return process.application(parts, SERVICE, surface)


@asynccontextmanager
async def _life(parts: Parts) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await parts.database.start()
    tables = parts.background.start("tables", parts.prepare())
    parts.background.start("levels", parts.levels.keep())
    await asyncio.wait({tables}, timeout=TABLES_S)
    yield


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.path == f"{ROUTE}/reserve":
        metrics.duration(LATENCY, served.seconds)
