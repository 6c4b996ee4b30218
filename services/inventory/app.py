"""The inventory service's process: reads its settings, puts its parts together, serves until SIGTERM."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from services import catalog
from services.chassis import log
from services.chassis.aws.json_apis import SECRETS
from services.chassis.environment import ConfigurationError
from services.chassis.figures.metrics import MetricReports
from services.chassis.parts import TaskParts, configured
from services.chassis.postgres import pool
from services.chassis.postgres.pool import prepared, writer_pool
from services.chassis.redis import cache
from services.chassis.redis.cache import RedisCache
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Engine
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.health import Dependencies
from services.chassis.web.operators import Operators
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
    try:
        settings = load(InventorySettings)
        log.configure(service="inventory", task=settings.cafe_pod_name, level=settings.cafe_log_level)
        parts = configured(lambda: Parts(settings))
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - for a person, several lines
        raise SystemExit(EXIT_CONFIGURATION) from None
    ending = server.graceful(parts.traffic, settings) if parts.is_resilient else server.abrupt
    server.run(build(parts), settings, ending)


class Parts(TaskParts):
    """The clients of one pod."""

    def __init__(self, settings: InventorySettings) -> None:
        super().__init__(
            settings,
            namespace=SERVICE.namespace,
            redis_url=settings.cafe_elasticache_url,
            dependencies=Dependencies("cloudwatch", "secretsmanager", pool.NAME, cache.NAME),
        )
        self.settings = settings
        self.metrics.declare(*COUNTS, EXPIRED, PURGED, HITS, MISSES)
        self.secrets = self.api(SECRETS)
        self.database = writer_pool(
            self,
            self.secrets,
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
        title="CloudCafe inventory",
        version="1",
        route=ROUTE,
        lifespan=lambda _app: _life(parts, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
        readiness=parts.readiness,
    )
    operators = Operators(parts.secrets, settings.operator_token_secret)
    add_stress_routes(app, SERVICE.stress_path, SERVICE.stress, operators, stress)
    add_routes(app, Desk(parts.stock, parts.levels, parts.metrics), operators)
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=lambda served: _observe(parts.metrics, served),
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=LIMITS,
    )


@asynccontextmanager
async def _life(parts: Parts, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await parts.database.start()
    tables = parts.background.start("tables", parts.prepare())
    parts.background.start("levels", parts.levels.keep())
    parts.background.start("metrics", parts.metrics.run())
    parts.background.start("stress", stress.follow(engine))
    parts.background.start("stress bus", parts.bus.listen({stress.channel: stress.look}, stress.look))
    await asyncio.wait({tables}, timeout=TABLES_S)
    yield
    await parts.close()


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.path == f"{ROUTE}/reserve":
        metrics.duration(LATENCY, served.seconds)
