"""This worker's part of the leases: renews them, takes its share, reads each held shard, hands over at the end."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from services.analytics.consumer import Checkpoints, Progress
from services.analytics.lease_table import LeaseLost
from services.analytics.leases import BEAT_S, TRUST_S, Lease, Observer, obsolete, to_take
from services.chassis.aws.errors import AwsError
from services.chassis.background import cancel, rest

SYNC_S: Final = 60.0
"""How often the stream is asked for its shards, besides whenever one of them was read to its end."""
HAND_OVER_S: Final = 8.0
"""How long a batch may go on after SIGTERM; what is not checkpointed by then, the next worker does again."""

_log = logging.getLogger(__name__)


class Leases(Checkpoints, Protocol):
    """The lease table. Raises `AwsError`."""

    async def read(self) -> dict[str, Lease]: ...
    async def create(self, lease: Lease) -> None: ...
    async def delete(self, lease: Lease) -> None: ...
    async def take(self, lease: Lease) -> Lease | None: ...
    async def renew(self, lease: Lease) -> Lease: ...
    async def release(self, lease: Lease) -> None: ...


class Shards(Protocol):
    """The stream. Raises `AwsError`."""

    async def shards(self) -> dict[str, frozenset[str]]: ...


class Reader(Protocol):
    """The reading of one shard."""

    @property
    def progress(self) -> Progress: ...
    def stop(self) -> None: ...
    async def run(self) -> None: ...


@dataclass(slots=True)
class Held:
    """A shard that this worker reads, until `trusted_until` without another renewal."""

    lease: Lease
    reader: Reader
    task: "asyncio.Task[None]"
    trusted_until: float


class Keeper:
    """The leases of worker `me`. `read` makes the reading of a shard."""

    def __init__(
        self,
        me: str,
        leases: Leases,
        shards: Shards,
        read: Callable[[Lease], Reader],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._me = me
        self._leases = leases
        self._shards = shards
        self._read = read
        self._clock = clock
        self._observer = Observer(clock)
        self._held: dict[str, Held] = {}
        self._synced_at = float("-inf")
        self._stopping = asyncio.Event()

    @property
    def held(self) -> Mapping[str, Progress]:
        """The shards that are read, and how far."""
        return {shard: held.reader.progress for shard, held in sorted(self._held.items())}

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Let `run` hand over and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep the leases until stopped or cancelled; then finish the batches and give everything up."""
        try:
            while not self._stopping.is_set():
                began = self._clock()
                await self._safely_tick()
                await rest(began + BEAT_S - self._clock(), until=self._stopping)
        finally:
            await self._hand_over()

    async def _safely_tick(self) -> None:
        try:
            await self.tick()
        except AwsError as error:
            _log.warning("the leases cannot be seen", extra={"error": str(error)})
        except Exception:  # noqa: BLE001 - a defect must not end the keeping; the log has it
            _log.exception("the keeper made a mistake")

    async def tick(self) -> None:
        """Do all there is to do once. After an `AwsError` what was done by then counts."""
        await self._reap()
        await self._renew()
        leases = await self._leases.read()
        leases = await self._sync(leases)
        expired = self._observer.expired(leases.values())
        for lease in to_take(self._me, leases, expired, frozenset(self._held)):
            taken = await self._leases.take(lease)
            if taken is not None:
                self._begin(taken, "stolen" if lease.owner and lease.shard not in expired else "taken")

    def _begin(self, lease: Lease, how: str) -> None:
        _log.info(f"a lease is {how}", extra={"shard": lease.shard, "epoch": lease.epoch, "from": lease.checkpoint})
        reader = self._read(lease)
        task = asyncio.create_task(reader.run(), name=f"shard {lease.shard}")
        self._held[lease.shard] = Held(lease, reader, task, self._clock() + TRUST_S)

    async def _reap(self) -> None:
        """Drop the shards whose reading has ended: read to the end, lost, or failed by a defect."""
        for shard, held in list(self._held.items()):
            if not held.task.done():
                continue
            del self._held[shard]
            self._synced_at = float("-inf")  # where a shard ends, others may begin
            error = None if held.task.cancelled() else held.task.exception()
            if isinstance(error, LeaseLost):
                _log.warning("a lease is lost", extra={"shard": shard})
            elif error is not None:
                _log.error("reading a shard failed", exc_info=error, extra={"shard": shard})
                await self._leases.release(held.lease)

    async def _renew(self) -> None:
        for shard, held in list(self._held.items()):
            began = self._clock()
            try:
                held.lease = await self._leases.renew(held.lease)
            except LeaseLost:
                _log.warning("a lease is lost", extra={"shard": shard})
                await self._drop(shard)
            except AwsError as error:
                if self._clock() >= held.trusted_until:
                    _log.warning("a lease is no longer trusted", extra={"shard": shard, "error": str(error)})
                    await self._drop(shard)
            else:
                held.trusted_until = began + TRUST_S

    async def _drop(self, shard: str) -> None:
        await cancel(self._held.pop(shard).task)

    async def _sync(self, leases: dict[str, Lease]) -> dict[str, Lease]:
        """Have a lease for every shard of the stream, and none of those that are read and gone."""
        if self._clock() - self._synced_at < SYNC_S:
            return leases
        shards = await self._shards.shards()
        missing = [Lease(shard=shard, parents=parents) for shard, parents in shards.items() if shard not in leases]
        gone = obsolete(leases, shards)
        for lease in missing:
            await self._leases.create(lease)
        for lease in gone:
            await self._leases.delete(lease)
        self._synced_at = self._clock()
        return await self._leases.read() if missing or gone else leases

    async def _hand_over(self) -> None:
        """Let every batch finish, then release what is held, so that nobody waits for it to expire."""
        held, self._held = self._held, {}
        for each in held.values():
            each.reader.stop()
        tasks = {each.task for each in held.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=HAND_OVER_S)
        await cancel(*tasks)
        for shard, each in held.items():
            try:
                await self._leases.release(each.lease)
            except AwsError as error:
                _log.warning("a lease is left to expire", extra={"shard": shard, "error": str(error)})
        _log.info("handed over", extra={"shards": sorted(held)})
