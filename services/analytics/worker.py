"""The analytics service's process: reads its settings, puts its parts together, works until SIGTERM.

It reads the order stream and serves nobody but its operators: health, and the stress endpoint.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from services import catalog
from services.analytics.consumer import Consumer
from services.analytics.fragile import HastyConsumer
from services.analytics.keeper import HAND_OVER_S, Keeper, Reader
from services.analytics.lease_table import LeaseTable
from services.analytics.leases import Lease
from services.analytics.loading import Batch, Loader
from services.analytics.settings import AnalyticsSettings
from services.analytics.storm import AT_ONCE, Storm
from services.analytics.stream import OrderStream
from services.analytics.stress import spool
from services.analytics.warehouse import Warehouse
from services.chassis import process
from services.chassis.aws import data_api
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.json_apis import DYNAMODB, KINESIS, REDSHIFT_DATA
from services.chassis.aws.objects import S3, Objects, RestWire
from services.chassis.parts import TaskParts
from services.chassis.web import server
from services.chassis.web.gateway import Gateway
from services.chassis.web.health import Dependencies

SERVICE: Final = catalog.http_service("analytics")
ROUTE: Final = SERVICE.route
ROWS, POISON, LAG, LOAD_TIME, BEHIND = "RowsLoaded", "PoisonRecords", "RevenueLag", "LoadTime", "SecondsBehind"
PREPARE_AGAIN_S: Final = 0.5
COUNTER_S: Final = 1800
"""How long the counter of a storm's reports is kept: longer than any run."""

_log = logging.getLogger(__name__)


def serve() -> None:
    """Entry point of the instance: no argument, everything from the environment, returns when handed over."""
    process.serve(
        SERVICE,
        AnalyticsSettings,
        task=lambda settings: settings.cafe_instance_id,
        parts=lambda settings, _task: Parts(settings),
        build=build,
    )


class Parts(TaskParts):
    """The clients of one instance, and what they are put together to."""

    settings: AnalyticsSettings

    def __init__(self, settings: AnalyticsSettings) -> None:
        dependencies = Dependencies(
            "cloudwatch", "secretsmanager", "kinesis", "dynamodb", "s3", "redshift-data", data_api.NAME
        )
        super().__init__(
            settings,
            task=settings.cafe_instance_id,
            namespace=SERVICE.namespace,
            redis_url=settings.cafe_elasticache_url,
            dependencies=dependencies,
        )
        self.metrics.declare(ROWS, POISON)
        self.metrics.gauge(BEHIND, self.behind_s)
        self.warehouse = Warehouse(self.api(REDSHIFT_DATA), settings.warehouse, dependencies)
        self.reports = Warehouse(self.api(REDSHIFT_DATA, at_once=AT_ONCE), settings.warehouse, dependencies)
        """By connections of its own: a storm must not keep the rows waiting."""
        files = Objects(self.api(S3, RestWire), settings.revenue_bucket)
        self._loader = Loader(files, self.warehouse, role=settings.warehouse_role)
        self._stream = OrderStream(self.api(KINESIS), settings.order_stream)
        self._leases = LeaseTable(self.api(DYNAMODB), settings.lease_table, settings.cafe_instance_id)
        self.keeper = Keeper(settings.cafe_instance_id, self._leases, self._stream, self._reader)

    @property
    def ending(self) -> server.Ending:
        """Let go of the leases at once: the load balancer's time to notice is no reason to keep them."""
        end = super().ending

        def on_signal(running: server.Server) -> None:
            asyncio.get_running_loop().call_soon_threadsafe(self.keeper.stop)
            end(running)

        return on_signal if self.is_resilient else end

    def _reader(self, lease: Lease) -> Reader:
        kind = Consumer if self.is_resilient else HastyConsumer
        return kind(lease, self._stream, self._loader, self._leases, self.observe)

    def observe(self, batch: Batch) -> None:
        self.metrics.count(ROWS, batch.rows)
        self.metrics.count(POISON, batch.poison)
        if batch.sales:
            self.metrics.duration(LOAD_TIME, batch.seconds)
        for seconds in batch.lags:
            self.metrics.duration(LAG, seconds)

    def behind_s(self) -> float:
        """How far the shard that is furthest behind is, in seconds; of those that are read here."""
        return max((progress.behind_s for progress in self.keeper.held.values()), default=0.0)

    def report(self) -> Mapping[str, object]:
        """What the health endpoint says of the work; degraded while the warehouse is away."""
        held, now = self.keeper.held, time.time()
        is_away = self.dependencies.report()[data_api.NAME]["state"] == "failing"
        return {
            "status": "degraded" if is_away else "ok",
            "behind_s": self.behind_s(),
            "leases": {
                shard: {
                    "checkpoint": each.checkpoint,
                    "behind_s": each.behind_s,
                    "rows": each.rows,
                    "last_batch_age_s": round(now - each.batch_at, 1) if each.batch_at else None,
                    "failures": each.failures,
                }
                for shard, each in held.items()
            },
        }

    async def next_report(self, run_id: str) -> int:
        """The number of the next report of a storm, counted by all instances together."""
        key = f"stress:{SERVICE.name}:{run_id}:reports"
        number = await self.redis.incr(key)
        await self.redis.expire(key, COUNTER_S)
        return int(number) - 1

    async def work(self) -> None:
        """Make the tables as soon as there is a warehouse, then read shards until stopped."""
        while not self.keeper.is_stopping:
            try:
                await self.warehouse.prepare()
            except WarehouseAway as error:
                _log.warning("no tables yet", extra={"error": str(error)})
                await asyncio.sleep(PREPARE_AGAIN_S)
            else:
                await self.keeper.run()


def build(parts: Parts) -> Gateway:
    """The application, complete: nobody but operators asks it anything."""
    surface = process.Surface(
        title="CloudCafe analytics",
        add=lambda _app, _operators: None,
        life=lambda: _life(parts),
        more=parts.report,
        beside=Storm(parts.reports, parts.next_report, spool()).perform,
    )
    return process.application(parts, SERVICE, surface)


@asynccontextmanager
async def _life(parts: Parts) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    working = parts.background.start("shards", parts.work())
    yield
    parts.keeper.stop()
    await asyncio.wait({working}, timeout=HAND_OVER_S + 1.0)
