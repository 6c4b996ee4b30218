"""How long nobody can write when DocumentDB fails over: sixty times in a row, every other one a killed primary."""

import os
import signal
import time
from collections.abc import Iterator
from typing import ClassVar

import click

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.recovery.document_writer import DocumentWriter
from plugins.bench.recovery.open_writer import write_gap

_FAILOVERS = 60
_WHOLE_WITHIN_S = 60.0
_STEADY_S, _GAP_S = 1.0, 0.5
_LOOK_S = 0.1


class DocumentFailover:
    """The longest stretch without an acknowledged write of fifty a second, of each failover.

    No write is lost or doubled. The next failover waits until both instances are available again, and writes have been
    taken for a second.
    """

    name: ClassVar[str] = "document_failover"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        with DocumentWriter(platform.endpoint("documentdb")) as writer:
            current = _whole(platform, writer, since=time.monotonic())
            for number in range(1, max(repeats, _FAILOVERS) + 1):
                struck = time.monotonic()
                (_kill if number % 2 == 0 else _fail_over)(platform, current)
                current = _whole(platform, writer, since=struck, unlike=current)
                yield write_gap(writer.commits(), struck, time.monotonic())
            writer.stop()
            count = writer.check_books()
        click.echo(f"{self.name}: all {count} writes are there once; {writer.failed} writes failed", err=True)


def _fail_over(platform: Platform, _primary: str) -> None:
    platform.client("docdb").failover_db_cluster(DBClusterIdentifier=platform.output("DocumentDbClusterIdentifier"))


def _kill(platform: Platform, primary: str) -> None:
    """SIGKILL of the primary's process, as when its host dies."""
    found = [one.pid for one in platform.status().processes if one.resource.endswith(f":db:{primary}") and one.pid]
    if len(found) != 1:
        raise EnvironmentFault(f"the primary {primary} has the processes {found}; to kill one there has to be one")
    os.kill(found[0], signal.SIGKILL)


def _whole(platform: Platform, writer: DocumentWriter, *, since: float, unlike: str = "") -> str:
    """Wait until all instances are available under another primary than `unlike`, and writes go on; its id."""
    client, name = platform.client("docdb"), platform.output("DocumentDbClusterIdentifier")
    only = [{"Name": "db-cluster-id", "Values": [name]}, {"Name": "engine", "Values": ["docdb"]}]
    while True:
        cluster = client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        states = {each["DBInstanceStatus"] for each in client.describe_db_instances(Filters=only)["DBInstances"]}
        primaries = [each["DBInstanceIdentifier"] for each in cluster["DBClusterMembers"] if each["IsClusterWriter"]]
        now = time.monotonic()
        is_whole = cluster["Status"] == "available" and states == {"available"} and primaries and primaries != [unlike]
        if is_whole and now - since > _STEADY_S and write_gap(writer.commits(), now - _STEADY_S, now) < _GAP_S:
            return str(primaries[0])
        if now - since > _WHOLE_WITHIN_S:
            raise EnvironmentFault(
                f"{name} is not whole {_WHOLE_WITHIN_S:g} s after its failover: {cluster['Status']}, instances"
                f" {states}, primaries {primaries}, before {unlike or 'any'}"
            )
        time.sleep(_LOOK_S)
