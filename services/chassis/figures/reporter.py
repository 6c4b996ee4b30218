"""Reports a function's figures: one PutMetricData a period, at the end of an invocation.

Between invocations a sandbox does not run, so nothing can be reported on time. Each report therefore says when its
figures were counted. What a sandbox counted since its last report is lost when it ends.
"""

import logging
import time
from collections.abc import Callable

from services.chassis.aws.blocking import BlockingCaller
from services.chassis.aws.errors import AwsError
from services.chassis.figures.counters import Figures

_log = logging.getLogger(__name__)


class Reporter:
    """Sends `figures` under `namespace` every `period_s` seconds or later."""

    def __init__(
        self,
        cloudwatch: BlockingCaller,
        figures: Figures,
        *,
        namespace: str,
        period_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cloudwatch = cloudwatch
        self._figures = figures
        self._namespace = namespace
        self._period_s = period_s
        self._clock = clock
        self._reported_at = 0.0

    def report(self) -> None:
        """Report if it is time. What cannot be reported is dropped, and logged."""
        now = self._clock()
        if now - self._reported_at < self._period_s:
            return
        self._reported_at = now
        data = [{**datum, "Timestamp": now} for datum in self._figures.collect()]
        if not data:
            return
        try:
            self._cloudwatch.call("PutMetricData", {"Namespace": self._namespace, "MetricData": data})
        except AwsError as error:
            _log.warning("metrics were not taken", extra={"error": str(error), "dropped": len(data)})
