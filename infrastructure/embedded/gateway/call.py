"""What stands between a caller and the control plane, one file each, in the order of `INTERCEPTORS`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS API call as it arrived. `service` is the signing name (`dynamodb`), `action` the operation (`PutItem`).

    `parameters` is the parsed body of a JSON protocol or the flattened form of a query protocol; empty for REST
    protocols. `caller` is the access key id, which names the service or person that called.
    """

    service: str
    action: str
    region: str
    caller: str
    parameters: dict[str, object]
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


Handler = Callable[[Call], Awaitable[Answer]]


class Interceptor(Protocol):
    """Sees a call, then answers it itself or passes it on. Runs on the event loop: never blocks."""

    async def __call__(self, call: Call, handle: Handler) -> Answer: ...
