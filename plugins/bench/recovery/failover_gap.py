"""How long nobody can write when the Aurora cluster fails over: sixty times in a row, every tenth a killed writer."""

import os
import signal
import time
from collections.abc import Iterator
from typing import ClassVar

import click

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.recovery.open_writer import Database, OpenWriter, write_gap
from plugins.chaos.targets.aurora import describe, unsettled

_FAILOVERS = 60
_EVERY_KILL = 10
_WHOLE_WITHIN_S = 60.0
_STEADY_S, _GAP_S = 1.0, 0.5
_LOOK_S = 0.1


class FailoverWriteGap:
    """The longest stretch without a committed row of fifty a second, of each failover; every committed row is kept.

    The next failover waits until the cluster is whole again, and has taken writes for a second and more.
    """

    name: ClassVar[str] = "failover_write_gap"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        database = Database(url=platform.endpoint("aurora_writer"), login=platform.database_login())
        with OpenWriter(database) as writer:
            current = _whole(platform, writer, since=time.monotonic())
            for number in range(1, max(repeats, _FAILOVERS) + 1):
                struck = time.monotonic()
                (_kill if number % _EVERY_KILL == 0 else _fail_over)(platform, current)
                current = _whole(platform, writer, since=struck, unlike=current)
                yield write_gap(writer.commits(), struck, time.monotonic())
            writer.stop()
            rows = writer.check_nothing_is_lost()
        click.echo(f"{self.name}: all {rows} committed rows are there; {writer.failed} writes failed", err=True)


def _fail_over(platform: Platform, _writer: str) -> None:
    platform.client("rds").failover_db_cluster(DBClusterIdentifier=platform.output("AuroraClusterIdentifier"))


def _kill(platform: Platform, writer: str) -> None:
    """SIGKILL of the writer's server process, as when its host dies."""
    found = [one.pid for one in platform.status().processes if one.resource.endswith(writer) and one.pid]
    if len(found) != 1:
        raise EnvironmentFault(f"the writer {writer} has the processes {found}; to kill one there has to be one")
    os.kill(found[0], signal.SIGKILL)


def _whole(platform: Platform, writer: OpenWriter, *, since: float, unlike: str = "") -> str:
    """Wait until the cluster is whole under another writer than `unlike`, and rows are committed without a gap; the
    writer's id. At least a second from `since` (monotonic clock): what follows late counts too.
    """
    name = platform.output("AuroraClusterIdentifier")
    while True:
        missing, writers = unsettled(platform, name), describe(platform, name).writers
        now = time.monotonic()
        is_steady = now - since > _STEADY_S and write_gap(writer.commits(), now - _STEADY_S, now) < _GAP_S
        if missing is None and unlike not in writers and is_steady:
            return writers[0]
        if now - since > _WHOLE_WITHIN_S:
            raise EnvironmentFault(
                f"{name} is not whole {_WHOLE_WITHIN_S:g} s after its failover: {missing or 'no steady writes'};"
                f" writers {writers}, before {unlike or 'any'}"
            )
        time.sleep(_LOOK_S)
