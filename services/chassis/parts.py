"""What every task of a service is made of: its clients of AWS, Redis and metrics, all with one resilience."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError

from services.chassis.aws.client import AwsApi, Identity
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import CLOUDWATCH, SECRETS, JsonApi, Wire
from services.chassis.background import BackgroundWork
from services.chassis.environment import ConfigurationError
from services.chassis.figures.metrics import MetricReports
from services.chassis.redis.bus import Bus
from services.chassis.redis.cache import connect
from services.chassis.resilience.budget import RetryBudget, Timeouts
from services.chassis.resilience.policy import Fragile, Resilience, Resilient
from services.chassis.settings import ChassisSettings
from services.chassis.web import server
from services.chassis.web.health import Dependencies
from services.chassis.web.traffic import Traffic

RETRIES: Final = "Retries"
REQUEST_RATE: Final = "RequestRate"
"""Requests a second that one task gets; its average over the tasks is what their number is scaled by (compute.yaml)."""
FLUSH_S: Final = 1.0
"""How long a task that stops goes on handing over what it holds."""

P = TypeVar("P")


def configured(make: Callable[[], P]) -> P:
    """What `make` makes. `ConfigurationError` for what the SDK reads by itself: credentials, AWS_ENDPOINT_URL."""
    try:
        return make()
    except (AwsError, BotoCoreError, ValueError) as wrong:
        raise ConfigurationError.of([str(wrong)]) from wrong


class TaskParts:
    """A service's own parts are added in a subclass. `CAFE_RESILIENCE` decides here what all clients are given."""

    def __init__(
        self, settings: ChassisSettings, *, task: str, namespace: str, redis_url: str, dependencies: Dependencies
    ) -> None:
        self.settings = settings
        self.task = task
        """What tells this task from the others."""
        self.traffic = Traffic()
        self.background = BackgroundWork()
        self.dependencies = dependencies
        self.is_resilient = settings.cafe_resilience == "on"
        self._region = settings.aws_region
        self._identity = Identity()
        self.budget = RetryBudget()
        self._resilience: Resilience = (
            Resilient(budget=self.budget, on_retry=self.retried) if self.is_resilient else Fragile()
        )
        self._apis: list[AwsApi] = []
        self.metrics = MetricReports(
            self.api(CLOUDWATCH),
            namespace=namespace,
            dimensions={"Environment": settings.cafe_environment},
            period_s=settings.cafe_metric_period_s,
        )
        self.metrics.declare(RETRIES)
        self.metrics.gauge(REQUEST_RATE, self.traffic.rate())
        self.secrets = self.api(SECRETS)
        self.redis = connect(redis_url, self._resilience)
        self.bus = Bus(self.redis, redis_url)

    @property
    def ending(self) -> server.Ending:
        """How the task ends: it drains, or it does not."""
        return server.graceful(self.traffic, self.settings) if self.is_resilient else server.abrupt

    @property
    def timeouts(self) -> Timeouts:
        """Of all calls out."""
        return self._resilience.timeouts

    def retried(self) -> None:
        """Something was asked once more, out of `budget`."""
        self.metrics.count(RETRIES)

    def api(self, service: JsonApi, wire: type[Wire] = Wire, *, at_once: int = 64) -> AwsApi:
        """A client that `close` closes."""
        made = AwsApi(
            service,
            region=self._region,
            identity=self._identity,
            resilience=self._resilience,
            dependencies=self.dependencies,
            wire=wire,
            at_once=at_once,
        )
        self._apis.append(made)
        return made

    async def close(self) -> None:
        """End the background work, report the last figures, close every connection."""
        await self.background.close()
        with contextlib.suppress(TimeoutError):  # figures of the last moments are not worth the time to stop
            async with asyncio.timeout(FLUSH_S):
                await self.metrics.flush()
        await self.close_stores()
        for each in self._apis:
            each.close()
        await self.redis.aclose()

    async def close_stores(self) -> None:
        """A service that has connections of its own closes them here: AWS can still be asked."""
