"""Paid orders on their way into the warehouse: how long they take, and whether any is lost when workers die."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.offered import offered
from plugins.books.captures import CaptureTimeline, read_captures
from plugins.books.revenue import read_arrivals, read_revenue
from plugins.books.settling import settle
from plugins.chaos.targets import workers, zones
from plugins.load.result import Window
from services.catalog import Service, services_on

OFFERED = 100.0
"""Orders a second while the lag is measured."""
_LENGTH_S = 30.0
KILLS, KILLED_IN_S = 20, 60.0
OFFERED_MEANWHILE = 20.0


class RevenueLag:
    """From an order's payment to its row: the p99 of half a minute."""

    name: ClassVar[str] = "revenue_lag_p99"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            load = _dealt_with(platform, OFFERED, _LENGTH_S)
            window = CaptureTimeline(read_arrivals(platform), "revenue").window(load.start, load.end)
            p99 = window.indicators()["revenue.p99"]
            if p99 is None:
                raise EnvironmentFault("nothing was sold while orders came")
            yield p99


class RowsWrongAfterKills:
    """Rows lost or doubled where twenty workers lose their power within a minute, one after the other."""

    name: ClassVar[str] = "revenue_rows_wrong_after_20_kills"
    unit: ClassVar[str] = "rows"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            with _killing(platform) as killed:
                _dealt_with(platform, OFFERED_MEANWHILE, KILLED_IN_S)
            if len(killed) < KILLS:
                raise EnvironmentFault(
                    f"{len(killed)} workers were killed, not {KILLS}: too few were there to be killed"
                )
            yield float(_wrong(platform))


def _dealt_with(platform: Platform, per_s: float, seconds: float) -> Window:
    """Orders, all of them answered, paid and dealt with."""
    window = offered(platform, per_s=per_s, seconds=seconds)
    if left := settle(platform).total:
        raise EnvironmentFault(f"{left} orders or records were still under way after the load had ended")
    return window


def _wrong(platform: Platform) -> int:
    captured = {capture.order_id for capture in read_captures(platform)}
    rows = Counter(row.order_id for row in read_revenue(platform))
    return len(captured - rows.keys()) + sum(count - 1 for count in rows.values()) + len(rows.keys() - captured)


@contextmanager
def _killing(platform: Platform) -> Iterator[list[str]]:
    """Whoever reads most loses its power, every few seconds, from the beginning to the end of the block."""
    killed: list[str] = []
    done = threading.Event()
    group = platform.output(_reading().key("AutoScalingGroupName"))

    def kill() -> None:
        while len(killed) < KILLS and not done.wait(KILLED_IN_S / KILLS):
            working = [one for one in workers.in_service(zones.group(platform, group)) if one not in killed]
            for victim in (*workers.busiest(workers.leases(platform), tuple(working)), *working)[:1]:
                platform.client("ec2").terminate_instances(InstanceIds=[victim], SkipOsShutdown=True)
                killed.append(victim)

    thread = threading.Thread(target=kill, name="kills of workers")
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def _reading() -> Service:
    """The service on instances that reads the stream."""
    return next(one for one in services_on("ec2") if any(edge.upstream == "kinesis" for edge in one.edges))
