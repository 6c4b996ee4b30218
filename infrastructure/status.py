"""What is up right now, as data: the answer of `cafe status`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One process of the platform. On AWS an ECS task, without a pid and port of its own.

    `state` is running, paused, stopping or exited; `cpu_s` (CPU seconds) and `rss_bytes` are of its process tree.
    """

    id: str
    kind: str
    service: str | None
    resource: str
    pid: int | None
    port: int | None
    az: str | None
    state: str
    cpu_s: float = 0.0
    rss_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """One look at the platform. `url` is the control plane's, None on AWS; `started_at` Unix seconds."""

    platform_id: str
    environment: str
    target: str
    pace: str
    url: str | None
    pid: int | None
    started_at: float
    endpoints: Mapping[str, str]
    processes: tuple[ProcessStatus, ...]
