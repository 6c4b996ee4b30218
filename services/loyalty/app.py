"""The loyalty service's process: reads its settings, puts its parts together, serves until SIGTERM."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from services import catalog
from services.chassis import log
from services.chassis.aws import data_api
from services.chassis.aws.data_api import DataApi
from services.chassis.aws.json_apis import REDSHIFT_DATA, SECRETS
from services.chassis.aws.objects import S3, Objects, RestWire
from services.chassis.environment import ConfigurationError
from services.chassis.figures.metrics import MetricReports
from services.chassis.parts import TaskParts, configured
from services.chassis.postgres import pool
from services.chassis.postgres.pool import prepared, writer_pool
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Engine
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits, Served
from services.chassis.web.health import Dependencies
from services.chassis.web.operators import Operators
from services.loyalty import board
from services.loyalty.board import Board
from services.loyalty.members import Members
from services.loyalty.routes import ROUTE, add_routes
from services.loyalty.settings import LoyaltySettings
from services.loyalty.store import AuroraStore
from services.loyalty.tiers import TierAnalytics

SERVICE: Final = catalog.http_service("loyalty")
LATENCY: Final = "AccrualLatency"


def serve() -> None:
    """Entry point of the instance: no argument, everything from the environment, returns when drained."""
    try:
        settings = load(LoyaltySettings)
        log.configure(service="loyalty", task=settings.cafe_instance_id, level=settings.cafe_log_level)
        parts = configured(lambda: Parts(settings))
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - for a person, several lines
        raise SystemExit(EXIT_CONFIGURATION) from None
    ending = server.graceful(parts.traffic, settings) if parts.is_resilient else server.abrupt
    server.run(build(parts), settings, ending)


class Parts(TaskParts):
    """The clients of one instance."""

    def __init__(self, settings: LoyaltySettings) -> None:
        dependencies = Dependencies(
            "cloudwatch", "secretsmanager", "s3", "redshift-data", pool.NAME, board.NAME, data_api.NAME
        )
        super().__init__(
            settings, namespace=SERVICE.namespace, redis_url=settings.cafe_memorydb_url, dependencies=dependencies
        )
        self.settings = settings
        self.secrets = self.api(SECRETS)
        self.database = writer_pool(
            self,
            self.secrets,
            url=settings.cafe_aurora_writer_url,
            secret=settings.database_secret,
            application=SERVICE.name,
        )
        self.store = AuroraStore(self.database)
        self.board = Board(self.redis, self.dependencies)
        warehouse = DataApi(self.api(REDSHIFT_DATA), settings.warehouse, self.dependencies)
        files = Objects(self.api(S3, RestWire), settings.members_bucket)
        self.members = Members(
            self.store, files, warehouse, role=settings.warehouse_role, period_s=settings.members_period_s
        )
        self.tiers = TierAnalytics(warehouse)

    async def prepare(self) -> None:
        """Make the tables as soon as there is a database, and begin the work that needs them."""
        await prepared(self.store.prepare)
        self.background.start("members", self.members.keep())
        self.background.start("leaderboard", self.board.keep(self.store.leaders))

    async def close_stores(self) -> None:
        await self.tiers.close()
        await self.database.close()


def build(parts: Parts) -> Gateway:
    """The application, complete: routes inside, gateway outside."""
    settings = parts.settings
    stress = Coordinator(parts.redis, parts.bus, SERVICE.name)
    engine = Engine(
        entry=SERVICE.stress.work,
        vcpu=settings.cafe_vcpu,
        task=settings.cafe_instance_id,
        report=stress.report,
        count=partial(parts.metrics.count, SERVICE.stress.counts),
    )
    app = api.create(
        title="CloudCafe loyalty",
        version="1",
        route=ROUTE,
        lifespan=lambda _app: _life(parts, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
    )
    operators = Operators(parts.secrets, settings.operator_token_secret)
    add_stress_routes(app, SERVICE.stress_path, SERVICE.stress, operators, stress)
    add_routes(app, parts.store, parts.board, parts.tiers)
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=lambda served: _observe(parts.metrics, served),
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=Limits(),
    )


@asynccontextmanager
async def _life(parts: Parts, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await parts.database.start()
    parts.background.start("tables", parts.prepare())
    parts.background.start("metrics", parts.metrics.run())
    parts.background.start("stress", stress.follow(engine))
    parts.background.start("stress bus", parts.bus.listen({stress.channel: stress.look}, stress.look))
    yield
    await parts.close()


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.path == f"{ROUTE}/points/accrue":
        metrics.duration(LATENCY, served.seconds)
