"""How a reader comes up: data that fits the writer's, a server on it, the stream.

no data ──copy of the template, or of the writer──┐
data ──rewound; when that is impossible: copied───┴──▶ started ──▶ streaming
"""

import asyncio
import logging
import time

from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.engines.postgres.copies import Copies
from infrastructure.embedded.engines.postgres.settings import WAL_KEPT_MB
from infrastructure.errors import EnvironmentFault

_log = logging.getLogger(__name__)

STREAMING_S = 20.0
"""From a reader's start until it streams; longer means that the log it needs is gone."""
_LOOK_S = 0.01


async def join(member: Member, writer: Member, copies: Copies, *, switches: int) -> None:
    """Returns when `member` streams from `writer`; `switches` is how often the cluster's writer has changed.

    Before the first change the writer may still be starting. `EnvironmentFault` when it cannot be brought to stream.
    """
    leader = (writer.id, switches)
    if not member.has_data or member.leader != leader:  # else it stopped on its way along the same log
        await _make_data_fit(member, writer, copies, is_from_template=switches == 0)
    member.leader = leader
    if await _is_streaming_once_started(member, writer):
        return
    await _copy(member, writer, copies)
    if not await _is_streaming_once_started(member, writer):
        raise EnvironmentFault(
            f"{member.id} does not stream from {writer.id}; `cafe logs {member.node.spec.id}` says why"
        )


async def _is_streaming_once_started(member: Member, writer: Member) -> bool:
    """Start the server; False when its data does not let it, or the writer no longer has the log it needs."""
    try:
        await member.node.start(writer.node.spec.port)
        if await _streams(member, writer):
            return True
        problem = "it does not find the log it needs"
    except EnvironmentFault as fault:
        problem = str(fault)
    _log.warning("%s cannot follow %s with the data it has: %s", member.id, writer.id, problem)
    await member.node.kill()
    return False


async def _make_data_fit(member: Member, writer: Member, copies: Copies, *, is_from_template: bool) -> None:
    if member.has_data:
        await _rewind(member, writer, copies)
    elif is_from_template and await _has_whole_log(writer):
        await copies.fresh(member.node.data, member.id)
        member.has_data = True
    else:
        await _copy(member, writer, copies)


async def _rewind(member: Member, writer: Member, copies: Copies) -> None:
    await member.node.end_orphans()
    member.has_data = False  # a rewind that is interrupted leaves nothing that could be started
    try:
        await copies.rewind(member.node.data, member.id, writer.node.spec.port, member.node.configuration)
        member.has_data = True
        # The data is whole only with the log up to where the writer was by now, and if nobody wrote, that was not sent.
        await writer.node.flush_log()
    except EnvironmentFault as refused:
        _log.warning("%s cannot be rewound and is copied anew: %s", member.id, refused)
        await _copy(member, writer, copies)


async def _copy(member: Member, writer: Member, copies: Copies) -> None:
    member.has_data = False
    await copies.full(member.node.data, member.id, writer.node.spec.port)
    member.has_data = True


async def _has_whole_log(writer: Member) -> bool:
    """Whether the writer still has its log back to the template, so that a copy of that will do."""
    if writer.phase == "starting":
        return True
    written = int(await writer.node.value("SELECT (pg_current_wal_lsn() - '0/0')::bigint"))
    return written < WAL_KEPT_MB * 1024 * 1024 // 2


async def _streams(member: Member, writer: Member) -> bool:
    """Wait until the reader streams; False when it does not within `STREAMING_S`."""
    deadline = time.monotonic() + STREAMING_S
    while time.monotonic() < deadline:
        if not member.node.is_alive:
            raise EnvironmentFault(f"{member.id} ended; `cafe logs {member.node.spec.id}` says why")
        if writer.is_running and member.name in {each.name for each in await writer.node.followers()}:
            return True
        await asyncio.sleep(_LOOK_S)  # PostgreSQL tells no outsider
    return False
