"""The daemon's pages about itself: `/_cafe/status` and `/_cafe/ready`."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from infrastructure.embedded.pages import Page, json_answer
from infrastructure.embedded.supervisor import Process

if TYPE_CHECKING:
    from infrastructure.embedded.daemon import Options
    from infrastructure.embedded.interceptors import Answer
    from infrastructure.embedded.network import Network
    from infrastructure.embedded.reconciler import Reconciler
    from infrastructure.embedded.supervisor import Supervisor

LONGEST_WAIT_S = 600.0


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
        """The handlers by their names below `/_cafe/`."""
        return {"status": self.status, "ready": self.ready}

    async def status(self, _query: dict[str, str]) -> bytes:
        """The platform, its endpoints, and every process: what `cafe status --json` prints."""
        everything = (*self._supervisor.helpers.values(), *self._supervisor.processes.values())
        return orjson.dumps(
            {
                "platform_id": self._options.platform_id,
                "pid": os.getpid(),
                "url": self._url,
                "pace": self._options.pace.name,
                "started_at": self._options.started_at,
                "endpoints": dict(self._network.endpoints),
                "processes": [_described(process) for process in everything],
                "controller_failures": dict(self._reconciler.failures),
            }
        )

    async def ready(self, query: dict[str, str]) -> "Answer":
        """Wait until every controller is settled: 200; after `timeout_s` seconds 504 with the reasons."""
        try:
            timeout_s = min(float(query.get("timeout_s", "0")), LONGEST_WAIT_S)
        except ValueError:
            return json_answer(400, {"error": f"timeout_s is a number of seconds, not {query['timeout_s']!r}"})
        reasons = await self._reconciler.settled(timeout_s)
        return json_answer(504 if reasons else 200, {"ready": not reasons, "reasons": list(reasons)})


def _described(process: Process) -> dict[str, object]:
    spec, usage = process.spec, process.usage()
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
