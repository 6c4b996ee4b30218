"""The loyalty service's process: reads its settings, puts its parts together, serves until SIGTERM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from services import catalog
from services.chassis import process
from services.chassis.aws import data_api
from services.chassis.aws.data_api import DataApi
from services.chassis.aws.json_apis import REDSHIFT_DATA
from services.chassis.aws.objects import S3, Objects, RestWire
from services.chassis.figures.metrics import MetricReports
from services.chassis.parts import TaskParts
from services.chassis.postgres import pool
from services.chassis.postgres.pool import prepared, writer_pool
from services.chassis.web.gateway import Gateway, Served
from services.chassis.web.health import Dependencies
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
    process.serve(
        SERVICE,
        LoyaltySettings,
        task=lambda settings: settings.cafe_instance_id,
        parts=lambda settings, _task: Parts(settings),
        build=build,
    )


class Parts(TaskParts):
    """The clients of one instance."""

    settings: LoyaltySettings

    def __init__(self, settings: LoyaltySettings) -> None:
        dependencies = Dependencies(
            "cloudwatch", "secretsmanager", "s3", "redshift-data", pool.NAME, board.NAME, data_api.NAME
        )
        super().__init__(
            settings,
            task=settings.cafe_instance_id,
            namespace=SERVICE.namespace,
            redis_url=settings.cafe_memorydb_url,
            dependencies=dependencies,
        )
        self.database = writer_pool(
            self,
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
    """The application, complete."""
    surface = process.Surface(
        title="CloudCafe loyalty",
        add=lambda app, _operators: add_routes(app, parts.store, parts.board, parts.tiers),
        life=lambda: _life(parts),
        observe=lambda served: _observe(parts.metrics, served),
    )
    return process.application(parts, SERVICE, surface)


@asynccontextmanager
async def _life(parts: Parts) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    await parts.database.start()
    parts.background.start("tables", parts.prepare())
    yield


def _observe(metrics: MetricReports, served: Served) -> None:
    if served.path == f"{ROUTE}/points/accrue":
        metrics.duration(LATENCY, served.seconds)
