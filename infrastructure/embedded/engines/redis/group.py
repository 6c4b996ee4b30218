"""A primary and its replicas, whoever asked for them: started, revived, failed over.

    started, answering ──▶ primary died ──▶ a replica is promoted ──▶ the old one starts again as a replica
              │                  └────────▶ started again (no replica, none alive, or no failover)
              └─────────▶ demoted ────────▶ a replica is promoted; the old one goes on as its replica

In memory only, a replica that is promoted has what reached it, and a node that starts alone is empty. With a log, what
was acknowledged is on disk before its answer: a replica takes over the dead primary's log, and nothing is lost.
"""

import logging
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.embedded.control.failures import all_of
from infrastructure.embedded.engines.redis.engine import RedisEngine, RedisNode, RedisNodeSpec
from infrastructure.embedded.engines.redis.resp import RespError
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class RedisMember:
    """One node of a group: the port is its own for good, the server behind it comes and goes."""

    id: str
    az: str
    port: int
    is_primary: bool
    node: RedisNode | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(LOOPBACK, self.port)

    @property
    def is_alive(self) -> bool:
        return self.node is not None and self.node.is_alive


@dataclass(slots=True, kw_only=True)
class Group:
    """The servers of a group. `logs`: the folder of their append-only files; None: in memory only.

    `changed` is called when another one is primary.
    """

    id: str
    service: str
    node_type: str
    members: list[RedisMember]
    engine: RedisEngine
    changed: Callable[["Group"], None]
    logs: Path | None = None
    tokens: tuple[str, ...] = field(default=(), repr=False)
    """What clients may authenticate with, besides the password of all servers."""

    @property
    def primary(self) -> RedisMember:
        return next(member for member in self.members if member.is_primary)

    @property
    def replicas(self) -> list[RedisMember]:
        return [member for member in self.members if not member.is_primary]

    async def reboot(self, asked: Collection[str]) -> None:
        """End these members' servers and start them again in the roles they have."""
        members = [member for member in self.members if member.id in asked]
        await all_of(self.id, (m.node.stop() for m in members if m.node is not None))
        await self._start(members)

    async def fail_over(self) -> None:
        """Promote the answering replica with the most of a dead primary's data; nothing when there is none."""
        successor = None if self.primary.is_alive else await self._successor()
        if successor is None or successor.node is None:
            return
        if self.logs is None:
            await successor.node.promote()
        else:
            await successor.node.kill()
            shutil.rmtree(self._log_of(successor), ignore_errors=True)
            shutil.copytree(self._log_of(self.primary), self._log_of(successor), symlinks=True)
            self.engine.own(self._log_of(successor))
        await self._succeed(successor)
        if self.logs is not None:
            await self._start([successor])

    async def demote(self) -> bool:
        """Promote a replica in the place of a living primary, which keeps its connections and answers READONLY.

        What has not reached the replica is lost, as in any failover without a log. False when none could take over.
        """
        successor = await self._successor()
        if successor is None or successor.node is None or not self.primary.is_alive:
            return False
        await successor.node.promote()
        await self._succeed(successor)
        return True

    async def hand_over(self) -> bool:
        """Make a replica the primary once it has all that the primary acknowledged; no write is lost.

        False when there is none yet that could take over: one that has just started is still copying.
        """
        successor = await self._successor()
        if successor is None or self.primary.node is None or not self.primary.is_alive:
            return False
        try:
            await self.primary.node.hand_over(successor.endpoint)
        except RespError as refusal:
            _log.info("%s: %s cannot take over yet: %s", self.id, successor.id, refusal)
            return False
        await self._succeed(successor)
        return True

    async def admit(self, tokens: tuple[str, ...]) -> None:
        """Let clients in with these tokens from now on; open connections live on, as on AWS."""
        if tokens != self.tokens:
            await all_of(self.id, (node.admit(tokens) for _, node in self.running()))
            self.tokens = tokens

    async def revive(self) -> None:
        await self._start([member for member in self.members if not member.is_alive])

    async def kill(self) -> None:
        await all_of(self.id, (member.node.kill() for member in self.members if member.node is not None))

    async def remove(self) -> None:
        """End every server, and give their ports and logs back."""
        await all_of(self.id, (member.node.stop() for member in self.members if member.node is not None))
        for member in self.members:
            self.engine.ports.release(member.port)
        if self.logs is not None:
            shutil.rmtree(self.logs, ignore_errors=True)

    def running(self) -> list[tuple[str, RedisNode]]:
        """The nodes that run, by their members' ids."""
        return [(m.id, m.node) for m in self.members if m.node is not None and m.is_alive]

    async def _successor(self) -> RedisMember | None:
        """None before the group ran, or when no replica answers."""
        if self.primary.node is None:
            return None
        alive = [(member, member.node) for member in self.replicas if member.node is not None and member.is_alive]
        offsets = [(await node.offset(), member) for member, node in alive]
        able = [found for found in offsets if found[0] >= 0]
        return max(able, key=lambda found: found[0])[1] if able else None

    async def _succeed(self, successor: RedisMember) -> None:
        old = self.primary
        old.is_primary, successor.is_primary = False, True
        self.changed(self)
        _log.warning("%s: %s is primary now, after %s", self.id, successor.id, old.id)
        followers = [m.node for m in self.replicas if m.node is not None and m.is_alive]
        await all_of(self.id, (node.follow(successor.endpoint) for node in followers))

    async def _start(self, members: list[RedisMember]) -> None:
        """Start servers, a primary before its replicas."""
        for is_primary in (True, False):
            await all_of(self.id, (self._start_one(m) for m in members if m.is_primary is is_primary))

    async def _start_one(self, member: RedisMember) -> None:
        if member.node is not None:
            await member.node.kill()
        member.node = await self.engine.start(
            RedisNodeSpec(
                id=f"redis-{self.service}-{member.id}" if self.logs else f"redis-{member.id}",
                resource=member.id,
                service=self.service,
                az=member.az,
                port=member.port,
                node_type=self.node_type,
                primary=None if member.is_primary else self.primary.endpoint,
                log=self._log_of(member) if self.logs else None,
                tokens=self.tokens,
            )
        )

    def _log_of(self, member: RedisMember) -> Path:
        return (self.logs or Path()) / member.id
