"""The analytics service's process: reads its settings, puts its parts together, works until SIGTERM.

It reads the order stream and serves nobody but its operators: health, and the stress endpoint.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
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
from services.chassis import log
from services.chassis.aws import data_api
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.json_apis import DYNAMODB, KINESIS, REDSHIFT_DATA, SECRETS
from services.chassis.aws.objects import S3, Objects, RestWire
from services.chassis.environment import ConfigurationError
from services.chassis.parts import TaskParts, configured
from services.chassis.settings import EXIT_CONFIGURATION, load
from services.chassis.stress.coordination import Coordinator
from services.chassis.stress.engine import Engine
from services.chassis.stress.routes import add_stress_routes
from services.chassis.web import api, server
from services.chassis.web.gateway import Gateway, Limits
from services.chassis.web.health import Dependencies
from services.chassis.web.operators import Operators

SERVICE: Final = catalog.http_service("analytics")
ROUTE: Final = SERVICE.route
ROWS, POISON, LAG, LOAD_TIME, BEHIND = "RowsLoaded", "PoisonRecords", "RevenueLag", "LoadTime", "SecondsBehind"
PREPARE_AGAIN_S: Final = 0.5
COUNTER_S: Final = 1800
"""How long the counter of a storm's reports is kept: longer than any run."""

_log = logging.getLogger(__name__)


def serve() -> None:
    """Entry point of the instance: no argument, everything from the environment, returns when handed over."""
    try:
        settings = load(AnalyticsSettings)
        log.configure(service="analytics", task=settings.cafe_instance_id, level=settings.cafe_log_level)
        parts = configured(lambda: Parts(settings))
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - for a person, several lines
        raise SystemExit(EXIT_CONFIGURATION) from None
    server.run(build(parts), settings, _handing_over(parts) if parts.is_resilient else server.abrupt)


def _handing_over(parts: "Parts") -> server.Ending:
    """Let go of the leases at once: the load balancer's time to notice is no reason to keep them."""
    drain = server.graceful(parts.traffic, parts.settings)

    def on_signal(running: server.Server) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(parts.keeper.stop)
        drain(running)

    return on_signal


class Parts(TaskParts):
    """The clients of one instance, and what they are put together to."""

    def __init__(self, settings: AnalyticsSettings) -> None:
        dependencies = Dependencies(
            "cloudwatch", "secretsmanager", "kinesis", "dynamodb", "s3", "redshift-data", data_api.NAME
        )
        super().__init__(
            settings, namespace=SERVICE.namespace, redis_url=settings.cafe_elasticache_url, dependencies=dependencies
        )
        self.settings = settings
        self.secrets = self.api(SECRETS)
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
    """The application, complete: routes inside, gateway outside."""
    settings = parts.settings
    stress = Coordinator(parts.redis, parts.bus, SERVICE.name)
    engine = Engine(
        entry=SERVICE.stress.work,
        vcpu=settings.cafe_vcpu,
        task=settings.cafe_instance_id,
        report=stress.report,
        count=partial(parts.metrics.count, SERVICE.stress.counts),
        beside=Storm(parts.reports, parts.next_report, spool()).perform,
    )
    app = api.create(
        title="CloudCafe analytics",
        version="1",
        route=ROUTE,
        lifespan=lambda _app: _life(parts, stress, engine),
        dependencies=parts.dependencies,
        traffic=parts.traffic,
        more=parts.report,
    )
    operators = Operators(parts.secrets, settings.operator_token_secret)
    add_stress_routes(app, SERVICE.stress_path, SERVICE.stress, operators, stress)
    return Gateway(
        app,
        traffic=parts.traffic,
        observe=lambda _served: None,
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=Limits(),
    )


@asynccontextmanager
async def _life(parts: Parts, stress: Coordinator, engine: Engine) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last of them."""
    working = parts.background.start("shards", parts.work())
    parts.background.start("metrics", parts.metrics.run())
    parts.background.start("stress", stress.follow(engine))
    parts.background.start("stress bus", parts.bus.listen({stress.channel: stress.look}, stress.look))
    yield
    parts.keeper.stop()
    await asyncio.wait({working}, timeout=HAND_OVER_S + 1.0)
    await parts.close()
