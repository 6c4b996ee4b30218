"""From `elbv2.modify_rule`'s return until the load balancer's answers follow it."""

import time
from collections.abc import Iterator
from typing import ClassVar

import urllib3

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from services.catalog import http_services

_SERVICE = http_services()[0]
_DEADLINE_S = 10.0


class RuleChangeEffect:
    """A service's rule is sent to the empty maintenance group and back; both directions are samples."""

    name: ClassVar[str] = "rule_change_effect"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        own, empty = platform.output(_SERVICE.key("TargetGroupArn")), platform.output("MaintenanceTargetGroupArn")
        with urllib3.PoolManager(retries=False, timeout=5.0) as http:
            for _ in range(repeats):
                for group, status in ((empty, 503), (own, 200)):
                    yield self._change(platform, http, group, status)

    def _change(self, platform: Platform, http: urllib3.PoolManager, group: str, status: int) -> float:
        platform.client("elbv2").modify_rule(
            RuleArn=platform.output(_SERVICE.key("RuleArn")), Actions=[{"Type": "forward", "TargetGroupArn": group}]
        )
        changed = time.monotonic()
        url = f"{platform.endpoint('alb')}{_SERVICE.health_path}"
        while time.monotonic() - changed < _DEADLINE_S:
            if http.request("GET", url).status == status:
                return time.monotonic() - changed
        raise EnvironmentFault(f"the rule change had no effect within {_DEADLINE_S:g} s")
