"""CloudWatch custom metrics, added up in memory and reported by one PutMetricData a period, in an event loop."""

import asyncio
import logging
from collections.abc import Mapping

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller
from services.chassis.figures.counters import Figures

_log = logging.getLogger(__name__)


class MetricReports(Figures):
    """The figures of one process, and the loop that reports them."""

    def __init__(self, cloudwatch: Caller, *, namespace: str, dimensions: Mapping[str, str], period_s: float) -> None:
        super().__init__(dimensions)
        self._cloudwatch = cloudwatch
        self._namespace = namespace
        self._period_s = period_s

    async def flush(self) -> None:
        """Report now. What cannot be reported is dropped: a metric that arrives late would lie about its time."""
        data = self.collect()
        if not data:
            return
        try:
            await self._cloudwatch.call("PutMetricData", {"Namespace": self._namespace, "MetricData": data})
        except AwsError as error:
            _log.warning("metrics were not taken", extra={"error": str(error), "dropped": len(data)})

    async def run(self) -> None:
        """Report every period until cancelled."""
        while True:
            await asyncio.sleep(self._period_s)
            await self.flush()
