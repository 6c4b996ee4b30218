"""A thousand pods on record and fifty who watch them: what a list, an event and all of it cost."""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import psutil

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.pods import clients
from plugins.bench.pods.small_cluster import PODS, SmallCluster, small_cluster
from plugins.bench.shared import FigureOfRuns, SharedRuns
from plugins.slo import nearest_rank

_PODS, _WATCHERS = 1_000, 50
_LISTS, _CHANGES = 20, 60
_PAUSE_S = 0.03
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Times in ms: one of each list, and of each event at each watcher. `grown_mb` is this process' memory."""

    lists_ms: tuple[float, ...]
    events_ms: tuple[float, ...]
    grown_mb: float


class RecordRuns(SharedRuns[_Run]):
    """Each on a cluster of its own; the clients are another process."""

    def make(self, platform: Platform | None) -> _Run:
        del platform
        with small_cluster() as (runner, cluster):
            return runner.run(_run(cluster))


class PodListTime(FigureOfRuns[_Run]):
    """All pods in one list, over HTTPS: the p99 of twenty lists."""

    name: ClassVar[str] = "pods_1000_list_p99"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = False

    def read(self, run: _Run) -> float:
        return nearest_rank(sorted(run.lists_ms), 0.99) or 0.0


class PodEventTime(FigureOfRuns[_Run]):
    """From the begin of a change until each watcher has read of it: the p99 over sixty changes and fifty watchers."""

    name: ClassVar[str] = "pods_1000_event_p99"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = False

    def read(self, run: _Run) -> float:
        return nearest_rank(sorted(run.events_ms), 0.99) or 0.0


class PodRecordsMemory(FigureOfRuns[_Run]):
    """What the process of the API server grew by, with all pods listed and all watchers connected."""

    name: ClassVar[str] = "pods_1000_memory"
    unit: ClassVar[str] = "MB"
    needs_platform: ClassVar[bool] = False

    def read(self, run: _Run) -> float:
        return run.grown_mb


async def _run(cluster: SmallCluster) -> _Run:
    before_mb = _memory_mb()
    for number in range(_PODS):
        await cluster.api("POST", PODS, _pod(number))
    async with _clients(cluster) as (lists_ms, lines):
        asked = [await _changed(cluster, number) for number in range(_CHANGES)]
        seen = await _seen(lines, _CHANGES * _WATCHERS)
        grown_mb = _memory_mb() - before_mb
    began = dict(asked)
    events_ms = tuple((at - began[version]) * 1e3 for version, at in seen)
    return _Run(lists_ms=lists_ms, events_ms=events_ms, grown_mb=grown_mb)


def _pod(number: int) -> Any:
    """One that no scheduler takes: a record as any other, and no process."""
    container = {
        "name": "web",
        "image": "bench/web:1",
        "env": [{"name": f"SETTING_{each}", "value": "x" * 20} for each in range(10)],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    meta = {"name": f"record-{number}", "labels": {"app": "records"}}
    spec = {"containers": [container], "schedulerName": "nobody"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def _changed(cluster: SmallCluster, number: int) -> tuple[str, float]:
    """A change's version, and when it was asked for."""
    await asyncio.sleep(_PAUSE_S)
    began = time.monotonic()
    made = await cluster.api("PATCH", f"{PODS}/record-{number}", {"metadata": {"labels": {"turn": str(number)}}})
    return made["metadata"]["resourceVersion"], began


@asynccontextmanager
async def _clients(cluster: SmallCluster) -> AsyncIterator[tuple[tuple[float, ...], asyncio.StreamReader]]:
    """The times of its lists, and what its watchers write from now on, all of them connected; for `_seen`."""
    words = (sys.executable, "-m", clients.__name__, cluster.api.url + PODS, str(_LISTS), str(_WATCHERS))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
    given = {"token": cluster.api.token, "authority": cluster.cluster.authority.decode()}
    process.stdin.write(json.dumps(given).encode() + b"\n")
    try:
        async with asyncio.timeout(_DEADLINE_S):
            lists = json.loads(await process.stdout.readline() or "[]")
            if await process.stdout.readline() != b"ready\n" or {count for _, count in lists} != {_PODS}:
                raise EnvironmentFault(f"the clients did not get {_PODS} pods and a watch each")
        yield tuple(seconds * 1e3 for seconds, _ in lists), process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _seen(lines: asyncio.StreamReader, count: int) -> Sequence[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while len(found) < count:
                line = await lines.readline()
                if not line:
                    raise EnvironmentFault("the clients have ended")
                version, at = line.split()
                found.append((version.decode(), float(at)))
    except TimeoutError:
        raise EnvironmentFault(f"the watchers saw {len(found)} of {count} events") from None
    return found


def _memory_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss / 1e6)
