"""What passes through the gateway: a request as it came, the call that it is, the answer that goes back."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from botocore.model import OperationModel

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.signing import sigv4
from infrastructure.embedded.gateway.typed import typed

_FORM = "application/x-www-form-urlencoded"
_UPLOAD = "multipart/form-data"
_SIGNING = ("X-Amz-", "AWSAccessKeyId", "Signature", "SecurityToken")
"""How the names of query members begin that sign a request and say nothing."""


@dataclass(frozen=True, kw_only=True)  # no slots: what is cached needs a place
class HttpRequest:
    """One request, whole. Header names are lower case; `path` is as it came, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_form(self) -> bool:
        return self.headers.get("content-type", "").startswith(_FORM)

    @property
    def is_upload(self) -> bool:
        """Whether a browser sends it from a form with a file; S3 alone takes that."""
        return self.method == "POST" and self.headers.get("content-type", "").lower().startswith(_UPLOAD)

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The members of a query protocol, flat: from the body, or from the query where there is none."""
        text = self.body.decode("utf-8", "replace") if self.body and self.is_form else self.query
        return {k: v for k, v in parse_qsl(text, keep_blank_values=True) if not k.startswith(_SIGNING)}

    @cached_property
    def claim(self) -> sigv4.Claim | None:
        """The signature that it carries; None when it is not signed. `sigv4.Malformed`, `sigv4.OtherVersion`."""
        return sigv4.claim(self.headers, self.query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One AWS API call. `service` is the signing name (`dynamodb`), `action` the operation (`PutItem`).

    `parameters` are its members under AWS's names: as they came in a JSON body, with the types of the model anywhere
    else. `caller` is the name of the service or person that called; before its signature is verified, the access key
    that it claims. `api` is None for what the embedded cloud does not have, `operation` for what AWS does not.
    """

    service: str
    action: str
    region: str
    caller: str
    parameters: dict[str, Any]
    request: HttpRequest
    protocol: str
    api: Api | None = None
    operation: OperationModel | None = None
    at: float = field(default=0.0)

    def read(self, parameters: dict[str, Any], request: HttpRequest) -> "Call":
        """The same call with its members read. Not by `dataclasses.replace`, which costs every call four times that."""
        return Call(
            service=self.service,
            action=self.action,
            region=self.region,
            caller=self.caller,
            parameters=parameters,
            request=request,
            protocol=self.protocol,
            api=self.api,
            operation=self.operation,
            at=self.at,
        )

    @property
    def typed(self) -> dict[str, Any]:
        """The members with the types of the model, also those that JSON has no type for."""
        shape = self.operation.input_shape if self.operation is not None else None
        read = typed(shape) if "json" in self.protocol and shape is not None else None
        found: dict[str, Any] = self.parameters if read is None else read(self.parameters)
        return found

    @property
    def is_mutation(self) -> bool:
        """Whether it changes what controllers follow, if it succeeds."""
        return self.api is not None and self.api.is_mutation(self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: status, headers, and a body, whole or, for what goes on for a while, a `stream` of its parts."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


ANONYMOUS = "anonymous"
"""Who calls without a signature, where that is taken."""
Handler = Callable[[Call], Awaitable[Answer]]


@runtime_checkable
class Door(Protocol):
    """An interceptor of an API that takes some calls unsigned."""

    service: str

    def permits(self, call: Call) -> bool:
        """Whether this one is taken; its members are not read, but for the labels of its path."""


class Upload(Protocol):
    """A form with a file, read: another way to make a call of the API, signed in fields of its own."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Its fields by their names in lower case."""
        ...

    def called(self, at: float) -> HttpRequest:
        """The call that it stands for, if its policy allows it at that time (Unix seconds); `Refused`."""
        ...

    def answered(self, answer: Answer) -> Answer:
        """What the browser is told when that call is answered so."""
        ...


UploadReader = Callable[[HttpRequest], Upload]
"""Reads a form; `Refused` where it is none."""


class Interceptor(Protocol):
    """Sees a call, then answers it itself or passes it on. Runs on the event loop: never blocks.

    One with a `service`, a signing name, sees the calls of that API alone.
    """

    async def __call__(self, call: Call, handle: Handler) -> Answer: ...
