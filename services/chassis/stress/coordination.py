"""One stress run over all tasks of a service, agreed on through ElastiCache. Every key expires by itself.

stress:<service>            the run that is on; set only if there is none, gone when its time is up or by DELETE
stress:<service>:latest     the run of last, for those who ask afterwards
stress:<service>:<run id>   a hash, task -> its progress
stress:<service>:look       the channel: something changed, look again
"""

import asyncio
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import orjson
from redis.exceptions import RedisError

from services.chassis.redis.bus import Bus
from services.chassis.stress.engine import Engine, StressRun, TaskProgress

KEEP_S: Final = 120
"""How long a run can be asked about after its end."""
PUT_UNTIL: Final = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return redis.call('PEXPIRE', KEYS[1], ARGV[3])"
"""One step, so that no task can die between the two and leave a key for good."""

LOOK_AGAIN_S: Final = 0.5
"""After a look that failed: a start or a stop it missed is not announced a second time."""

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)


class Busy(Exception):
    """A run is on. The text is its id."""


class CoordinationUnreachable(Exception):
    """ElastiCache does not answer, so the tasks cannot agree."""


class Coordinator:
    """This task's view of the runs of `service`, and its part in them."""

    def __init__(self, redis: "Redis", bus: Bus, service: str) -> None:
        self._redis = redis
        self._bus = bus
        self._active = f"stress:{service}"
        self.channel: Final = f"stress:{service}:look"
        self._look = asyncio.Event()

    def look(self, _message: bytes = b"") -> None:
        """Something may have changed."""
        self._look.set()

    async def start(self, run: StressRun) -> None:
        """Begin `run` on every task. `Busy`, `CoordinationUnreachable`."""
        value = orjson.dumps(asdict(run))
        keep_ms = int((run.duration_s + KEEP_S) * 1000)
        try:
            if not await self._redis.set(self._active, value, nx=True, px=int(run.duration_s * 1000)):
                raise Busy((await self._run_at(self._active) or run).run_id)
            await self._redis.set(f"{self._active}:latest", value, px=keep_ms)
        except (RedisError, OSError) as error:
            raise CoordinationUnreachable(type(error).__name__) from error
        await self._announce()

    async def stop(self) -> None:
        """End the run that is on, everywhere and at once; after `CoordinationUnreachable` it goes on until its time."""
        try:
            await self._redis.delete(self._active)
        except (RedisError, OSError) as error:
            raise CoordinationUnreachable(type(error).__name__) from error
        finally:
            await self._announce()

    async def _announce(self) -> None:
        self._look.set()
        await self._bus.publish(self.channel, b"look")

    async def latest(self) -> tuple[StressRun, bool, tuple[TaskProgress, ...]] | None:
        """The run of last, whether it is still on, and every task's progress. None when there was none lately."""
        try:
            run = await self._run_at(f"{self._active}:latest")
            if run is None:
                return None
            on = await self._run_at(self._active)
            reports = await self._redis.hgetall(f"{self._active}:{run.run_id}")
        except (RedisError, OSError) as error:
            raise CoordinationUnreachable(type(error).__name__) from error
        progress = tuple(TaskProgress(**orjson.loads(value)) for _, value in sorted(reports.items()))
        return run, on is not None and on.run_id == run.run_id, progress

    async def report(self, run: StressRun, progress: TaskProgress) -> None:
        """Publish how this task does. What cannot be published is not worth failing for."""
        key = f"{self._active}:{run.run_id}"
        try:
            keep_ms = int((run.duration_s + KEEP_S) * 1000)
            await self._redis.eval(PUT_UNTIL, 1, key, progress.task, orjson.dumps(asdict(progress)), keep_ms)
        except (RedisError, OSError) as error:
            _log.warning("progress was not reported", extra={"error": type(error).__name__})

    async def _run_at(self, key: str) -> StressRun | None:
        value = await self._redis.get(key)
        return None if value is None else StressRun(**orjson.loads(value))

    async def follow(self, engine: Engine) -> None:
        """Make `engine` do what was agreed, until cancelled."""
        try:
            while True:
                await self._look.wait()
                self._look.clear()
                await self._align(engine)
        finally:
            await engine.stop()

    async def _align(self, engine: Engine) -> None:
        try:
            run = await self._run_at(self._active)
            left_s = await self._redis.pttl(self._active) / 1000 if run else 0.0
        except (RedisError, OSError) as error:
            _log.warning("cannot see what was agreed", extra={"error": type(error).__name__})
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look.set)
            return
        if run is None or left_s <= 0:
            await engine.stop()
        elif engine.run is None or engine.run.run_id != run.run_id:
            await engine.start(run, for_s=left_s)
