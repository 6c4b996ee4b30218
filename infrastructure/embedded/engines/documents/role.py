"""What a server is at the moment, and its greeting: the document by which drivers find a set's members and its primary.

Source: MongoDB's specification "Server Discovery and Monitoring"; the fields are those that drivers read.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from infrastructure.embedded.engines.documents.scram import User

SET = "rs0"
"""The name of every replica set of DocumentDB's."""
SESSION_MINUTES = 30
WIRE_VERSIONS = (0, 21)
"""The oldest and the newest that is spoken."""

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the platform wants a server to be. `members` are all servers of the set, by name.

    `faces`: by the port a client came in by, where it reaches each member; any other client uses the members' own
    addresses.
    """

    me: str
    term: int
    primary: str = ""
    members: Mapping[str, Address]
    faces: Mapping[int, Mapping[str, Address]] = field(default_factory=dict)
    user: User | None = None

    @property
    def is_primary(self) -> bool:
        return self.me == self.primary

    def packed(self) -> dict[str, Any]:
        """As a document."""
        return {
            "me": self.me,
            "term": self.term,
            "primary": self.primary,
            "members": {name: list(address) for name, address in self.members.items()},
            "faces": {str(port): {n: list(a) for n, a in face.items()} for port, face in self.faces.items()},
            "user": self.user.packed() if self.user is not None else None,
        }

    @classmethod
    def unpacked(cls, document: Mapping[str, Any]) -> "State":
        return cls(
            me=document["me"],
            term=document["term"],
            primary=document["primary"],
            members=_addresses(document["members"]),
            faces={int(port): _addresses(face) for port, face in document["faces"].items()},
            user=User.unpacked(document["user"]) if document["user"] is not None else None,
        )


def _addresses(document: Mapping[str, Any]) -> dict[str, Address]:
    return {name: (str(host), int(port)) for name, (host, port) in document.items()}


class Role:
    """The state that counts in this process; whoever waits for a change hears of it."""

    def __init__(self) -> None:
        self.state = State(me="", term=0, members={})
        self._process = ObjectId()
        self._changes = 0
        self._changed = asyncio.Event()

    def become(self, state: State) -> None:
        """Be that from now on."""
        self.state = state
        self._changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def version(self) -> dict[str, Any]:
        """Of the greeting: another one with each change."""
        return {"processId": self._process, "counter": Int64(self._changes)}

    def is_known(self, version: object) -> bool:
        """Whether a `topologyVersion` is the one of now."""
        if not isinstance(version, Mapping):
            return False
        return (version.get("processId"), version.get("counter")) == (self._process, self._changes)

    async def changed(self, within_s: float) -> None:
        """Return with the next change, or when the time is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def greeting(self, came_by: int, connection: int) -> dict[str, Any]:
        """For a client that came in by the port `came_by`; 0: straight to this server."""
        state = self.state
        now = dt.datetime.now(dt.UTC)
        face = state.faces.get(came_by, state.members)
        shown = {name: f"{host}:{port}" for name, (host, port) in face.items()}
        clock = Timestamp(int(now.timestamp()), 1)
        return {
            "helloOk": True,
            "ismaster": state.is_primary,
            "isWritablePrimary": state.is_primary,
            "secondary": not state.is_primary and state.me in shown,
            "topologyVersion": self.version,
            "hosts": list(shown.values()),
            "setName": SET,
            "setVersion": 1,
            **({"primary": shown[state.primary]} if state.primary in shown else {}),
            **({"me": shown[state.me]} if state.me in shown else {}),
            **({"electionId": _election(state.term)} if state.is_primary else {}),
            "lastWrite": {"opTime": {"ts": clock, "t": Int64(state.term)}, "lastWriteDate": now},
            "maxBsonObjectSize": 16 << 20,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "localTime": now,
            "logicalSessionTimeoutMinutes": SESSION_MINUTES,
            "connectionId": connection,
            "minWireVersion": WIRE_VERSIONS[0],
            "maxWireVersion": WIRE_VERSIONS[1],
            "readOnly": False,
            "ok": 1.0,
        }


def _election(term: int) -> ObjectId:
    """Grows with the term: of two that call themselves primary, drivers believe the one with the greater."""
    return ObjectId(bytes.fromhex("7fffffff") + term.to_bytes(8, "big"))
