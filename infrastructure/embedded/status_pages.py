"""The daemon's pages about itself: `/_cafe/status` and `/_cafe/ready`."""

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from infrastructure.embedded.gateway.pages import Page, json_answer
from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.supervisor import Process, Usage

if TYPE_CHECKING:
    from infrastructure.embedded.control.reconciler import Reconciler
    from infrastructure.embedded.daemon import Options
    from infrastructure.embedded.gateway.call import Answer
    from infrastructure.embedded.host.supervisor import Supervisor
    from infrastructure.embedded.network.edges import Network

LONGEST_WAIT_S = 600.0
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")


class StatusPages:
    """What runs, and whether it is ready, as JSON. `url` is the control plane's."""

    def __init__(
        self, options: "Options", supervisor: "Supervisor", network: "Network", reconciler: "Reconciler", url: str
    ) -> None:
        self._options = options
        self._supervisor = supervisor
        self._network = network
        self._reconciler = reconciler
        self._url = url

    @property
    def pages(self) -> Mapping[str, Page]:
        return {"status": self.status, "ready": self.ready}

    async def status(self, _query: dict[str, str]) -> bytes:
        """The platform, its endpoints, and every process: what `cafe status --json` prints."""
        # The zygote's descendants are the tasks, which are listed themselves: of a helper only its own share counts.
        helpers = [_described(p, proctree.usage_of(p.pid, descend=False)) for p in self._supervisor.helpers.values()]
        processes = [_described(p, p.usage()) for p in self._supervisor.processes.values()]
        return orjson.dumps(
            {
                "platform_id": self._options.platform_id,
                "pid": os.getpid(),
                "url": self._url,
                "pace": self._options.pace.name,
                "started_at": self._options.started_at,
                "endpoints": dict(self._network.endpoints),
                "processes": helpers + processes,
                "controller_failures": dict(self._reconciler.failures),
            }
        )

    async def ready(self, query: dict[str, str]) -> "Answer":
        """Wait until every controller is settled: 200; after `timeout_s` seconds 504 with the reasons."""
        asked = query.get("timeout_s", "0")
        if not _NUMBER.fullmatch(asked):
            return json_answer(400, {"error": f"timeout_s is a number of seconds, not {asked!r}"})
        reasons = await self._reconciler.settled(min(float(asked), LONGEST_WAIT_S))
        return json_answer(504 if reasons else 200, {"ready": not reasons, "reasons": list(reasons)})


def _described(process: Process, usage: Usage) -> dict[str, object]:
    spec = process.spec
    return {
        "id": spec.id,
        "kind": spec.kind,
        "service": spec.service,
        "resource": spec.resource,
        "pid": process.pid,
        "port": spec.port,
        "az": spec.az,
        "state": process.state,
        "cpu_s": round(usage.cpu_s, 3),
        "rss_bytes": usage.rss_bytes,
    }
