"""One client's connection: the greeting, its proof of who it is, and its commands, one answer after the other."""

import asyncio
import contextlib
import hmac
import inspect
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from infrastructure.embedded.engines.documents import scram, wire
from infrastructure.embedded.engines.documents.errors import CommandError, not_primary, not_provided, not_supported
from infrastructure.embedded.engines.documents.role import Role

_log = logging.getLogger(__name__)

Document = Mapping[str, Any]

_GREETINGS = frozenset({"hello", "ismaster", "isMaster"})
_STRANGERS_BYTES = 64 << 10
"""Of a message before the client has proven who it is."""
_MOST_AWAIT_S = 30.0
_TRANSACTIONS = ("startTransaction", "commitTransaction", "abortTransaction")
_ELSEWHERE = frozenset(
    [
        "createUser",
        "updateUser",
        "dropUser",
        "usersInfo",
        "createRole",
        "collMod",
        "explain",
        "currentOp",
        "killOp",
        "top",
        "profile",
        "validate",
        "compact",
        "reIndex",
        "bulkWrite",
        "startSession",
    ]
)
"""Commands of DocumentDB's that are not done here."""
_ids = itertools.count(1)


class Server(Protocol):
    """What a connection asks of the process."""

    role: Role
    token: str

    def does(self, name: str) -> bool: ...

    def is_write(self, body: Mapping[str, Any]) -> bool: ...

    async def run(self, body: Mapping[str, Any]) -> bytes:
        """The encoded answer of a command that is done on the volume."""
        ...

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """The platform's own order."""
        ...


class Session:
    """`came_by`: the port of the platform's at which the client knocked; 0 for one that came straight."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, came_by: int
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._came_by = came_by
        self._number = next(_ids)
        self._conversation: scram.Conversation | None = None
        self.is_known = False
        """Whether the client has proven who it is."""

    async def serve(self) -> None:
        """Until the client goes, or sends what is no message."""
        while True:
            limit = wire.MOST_BYTES if self.is_known else _STRANGERS_BYTES
            message = await wire.read(self._reader, limit)
            if self._is_streamed(message):
                await self._stream(message)
                return
            answer = await self._answer(message.body)
            if message.wants_answer:
                await self._send(wire.answer(message.number, answer, is_query=message.is_query)[1])

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    # --- the greeting -------------------------------------------------------------------------------------------------

    def _is_streamed(self, message: wire.Message) -> bool:
        return message.may_exhaust and next(iter(message.body), "") in _GREETINGS and "maxAwaitTimeMS" in message.body

    async def _stream(self, message: wire.Message) -> None:
        """Greetings without being asked again, one with each change and `maxAwaitTimeMS`, until the client goes."""
        number, version = message.number, message.body.get("topologyVersion")
        gone = asyncio.create_task(self._reader.read(1), name="a monitor's connection ends")
        try:
            while not gone.done():
                waiting = asyncio.create_task(self._awaited(message.body, version))
                await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():
                    waiting.cancel()
                    return
                greeting = waiting.result()
                version = greeting["topologyVersion"]
                number, data = wire.answer(number, wire.encoded(greeting), has_more=True)
                await self._send(data)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await gone

    async def _awaited(self, body: Mapping[str, Any], version: object) -> dict[str, Any]:
        role, most_s = self._server.role, _milliseconds(body.get("maxAwaitTimeMS")) / 1000
        if role.is_known(version):
            await role.changed(min(most_s, _MOST_AWAIT_S))
        return role.greeting(self._came_by, self._number)

    async def _greet(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "topologyVersion" in body and "maxAwaitTimeMS" in body:
            greeting = await self._awaited(body, body["topologyVersion"])
        else:
            greeting = self._server.role.greeting(self._came_by, self._number)
        if isinstance(body.get("saslSupportedMechs"), str):
            greeting["saslSupportedMechs"] = list(scram.MECHANISMS)
        first = body.get("speculativeAuthenticate")
        if isinstance(first, Mapping) and not self.is_known:
            with contextlib.suppress(CommandError):  # as if it had not been asked for
                greeting["speculativeAuthenticate"] = self._begin(first)
        return greeting

    # --- who it is ----------------------------------------------------------------------------------------------------

    def _begin(self, body: Mapping[str, Any]) -> dict[str, Any]:
        mechanism = body.get("mechanism")
        if mechanism not in scram.MECHANISMS:
            raise CommandError(334, f"Unsupported mechanism [ {mechanism!r} ]")
        self._conversation = scram.Conversation(mechanism, self._server.role.state.user)
        return self._went_on(self._conversation.begin, body)

    def _go_on(self, body: Mapping[str, Any]) -> dict[str, Any]:
        conversation = self._conversation
        if conversation is None:
            raise CommandError(17, "No SASL session state found")
        answer = self._went_on(conversation.go_on, body)
        self.is_known = conversation.is_proven
        return answer

    def _went_on(self, step: Callable[[bytes], bytes], body: Mapping[str, Any]) -> dict[str, Any]:
        payload = body.get("payload")
        if not isinstance(payload, bytes):
            raise CommandError(18, "Authentication failed.")
        try:
            answer = step(bytes(payload))
        except scram.Refused as refused:
            _log.info("a client was not let in: %s", refused)
            self._conversation, self.is_known = None, False
            raise CommandError(18, "Authentication failed.") from refused
        is_done = self._conversation is not None and self._conversation.is_proven
        return {"conversationId": 1, "done": is_done, "payload": answer, "ok": 1.0}

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _answer(self, body: Mapping[str, Any]) -> bytes:
        name = next(iter(body), "")
        own = self._own(name)
        try:
            if own is not None:
                answer = own(body)
                return wire.encoded(await answer if inspect.isawaitable(answer) else answer)
            self._check(name, body)
        except CommandError as refused:
            return wire.encoded(refused.document())
        return await self._server.run(body)

    def _own(self, name: str) -> Callable[[Document], Document | Awaitable[Document]] | None:
        """What answers a command that the volume is not asked for."""
        if name in _GREETINGS:
            return self._greet
        simple = _SIMPLE.get(name)
        if simple is not None:
            return lambda _body: simple
        own: dict[str, Callable[[Document], Document | Awaitable[Document]]] = {
            "saslStart": self._begin,
            "saslContinue": self._go_on,
            "logout": self._log_out,
            "connectionStatus": self._status,
            "cafeOrder": self._obey,
        }
        return own.get(name)

    def _log_out(self, _body: Mapping[str, Any]) -> dict[str, Any]:
        self.is_known = False
        return {"ok": 1.0}

    def _status(self, _body: Mapping[str, Any]) -> dict[str, Any]:
        user = self._server.role.state.user
        users = [{"user": user.name, "db": "admin"}] if self.is_known and user is not None else []
        return {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": []}, "ok": 1.0}

    async def _obey(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        token = body.get("token")
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._server.token.encode()):
            raise CommandError(13, "Authorization failure")
        return await self._server.obey(body)

    def _check(self, name: str, body: Mapping[str, Any]) -> None:
        """Refuse strangers, what is not done here, and what this server may not do in its role."""
        if not self.is_known:
            raise CommandError(13, "Authorization failure")
        if not isinstance(body.get("$db"), str):
            raise CommandError(40571, "OP_MSG requests require a $db argument")
        if name in _TRANSACTIONS or "startTransaction" in body or body.get("autocommit") is not None:
            raise not_provided("transactions")
        if name in _ELSEWHERE:
            raise not_provided(f"the command {name}")
        if not self._server.does(name):
            raise CommandError(59, f"no such command: '{name}'") if name.isalnum() else not_supported(name)
        role = self._server.role
        if role.state.is_primary or name in ("getMore", "killCursors"):
            return
        if self._server.is_write(body):
            raise not_primary(role.version, is_retried="txnNumber" in body)
        preference = body.get("$readPreference")
        if not isinstance(preference, Mapping) or preference.get("mode", "primary") == "primary":
            raise not_primary(role.version, is_read=True)


def _milliseconds(value: object) -> float:
    return max(float(value), 0.0) if isinstance(value, int | float) else 0.0


_SIMPLE: Mapping[str, Mapping[str, Any]] = {
    "ping": {"ok": 1.0},
    "endSessions": {"ok": 1.0},
    "buildInfo": {"version": "8.0.0", "versionArray": [8, 0, 0, 0], "maxBsonObjectSize": 16 << 20, "ok": 1.0},
    "buildinfo": {"version": "8.0.0", "versionArray": [8, 0, 0, 0], "maxBsonObjectSize": 16 << 20, "ok": 1.0},
}
"""Answered alike whoever asks."""
