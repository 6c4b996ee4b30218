"""Idempotency tokens, in front of all APIs: a call that comes again is answered as the first time, and does nothing.

Which member is the token, for how long it counts and what another call with it is refused with is each API's own:
`Api.tokens`. Only a call that succeeded is remembered, so one that failed may be tried again with its token.
"""

import asyncio
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import orjson

from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error, status_of


@dataclass(slots=True, eq=False)
class _Held:
    """What a token stands for. `parameters` is their digest; `status` is 0 until the call has been answered.

    Kept small: every transaction leaves one for ten minutes.
    """

    parameters: bytes
    until: float = 0.0
    status: int = 0
    content_type: str = ""
    body: bytes = b""
    answered: asyncio.Event | None = None
    """Made by who waits for the answer, which nearly nobody does."""


class Idempotency:
    """Answers a call whose token it has seen; all else passes. `clock` is in seconds and never goes back."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[tuple[str, str], OrderedDict[str, _Held]] = {}

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        rule = call.api.tokens.get(call.action) if call.api is not None else None
        token = call.parameters.get(rule.member) if rule is not None and not rule.names else None
        if rule is None or not token:
            return await handle(call)
        held, digest = self._of(call), _digest(call.parameters, rule.member)
        while (known := held.get(token)) is not None and not known.status:
            if rule.busy:
                text = "The call with the given request token is already in progress."
                return error(call, rule.busy, text, status=status_of(call.operation, rule.busy))
            known.answered = known.answered or asyncio.Event()
            await known.answered.wait()
        if known is None:
            return await self._first(call, handle, held, token, _Held(digest, self._clock() + rule.kept_s))
        if known.parameters != digest:
            return error(call, rule.mismatch, rule.message, status=status_of(call.operation, rule.mismatch))
        headers = {"content-type": known.content_type, "x-amzn-requestid": str(uuid4())}
        return Answer(status=known.status, headers=headers, body=known.body)

    async def _first(
        self, call: Call, handle: Handler, held: OrderedDict[str, _Held], token: str, mine: _Held
    ) -> Answer:
        held[token] = mine
        try:
            answer = await handle(call)
            if answer.is_success:
                mine.status, mine.body = answer.status, answer.body
                mine.content_type = sys.intern(answer.headers.get("content-type", ""))
        finally:
            if not mine.status:
                del held[token]
            if mine.answered is not None:
                mine.answered.set()
        return answer

    def _of(self, call: Call) -> OrderedDict[str, _Held]:
        """The tokens of an operation that still count; the oldest come first."""
        held = self._held.setdefault((call.service, call.action), OrderedDict())
        now = self._clock()
        while held and next(iter(held.values())).until <= now:
            held.popitem(last=False)
        return held


def _digest(parameters: Mapping[str, Any], token: str) -> bytes:
    """Of all parameters but the token, in whatever order they came."""
    others = {name: value for name, value in parameters.items() if name != token}
    text = orjson.dumps(others, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(text, digest_size=16).digest()
