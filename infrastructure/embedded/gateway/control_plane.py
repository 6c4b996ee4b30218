"""The AWS APIs of the embedded cloud on one loopback port.

    HTTP -> Host, Origin -> parse -> audit -> injected errors -> throttling -> long poll -> moto | controller -> notify

Runs inside the daemon's event loop, and never holds it for longer than one moto call takes.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import orjson

from infrastructure.embedded.gateway import rest_json
from infrastructure.embedded.gateway.call import Answer, Call, Handler, Interceptor
from infrastructure.embedded.gateway.errors import error, not_provided
from infrastructure.embedded.gateway.listener import HttpRequest, HttpServer
from infrastructure.embedded.gateway.pages import PREFIX, Page, Pages
from infrastructure.embedded.gateway.providers import api_of
from infrastructure.embedded.gateway.request import Unsigned, call_of, is_object
from infrastructure.embedded.host.garbage import Collector
from infrastructure.embedded.moto import direct, wsgi
from infrastructure.embedded.stacks import progress

_LOG = logging.getLogger(__name__)
BODY_LIMITS: Mapping[str, int] = {
    "s3": 64 << 20,
    "lambda": 70 << 20,
    "dynamodb": 17 << 20,
    "kinesis": 11 << 20,
    "sqs": 2 << 20,
}
"""Bytes a body may have, by API: AWS's own limits for batches, base64 included; S3's is this machine's memory."""
BODY_LIMIT = 1 << 20


class ControlPlane:
    """Serves every API. `pages`: name (`status`) to handler; `on_mutation` hears of each change that succeeded.

    Interceptors are asked in their order; each may answer itself. Interceptors with `pages` of their own add them.
    `natives` answer the APIs that moto has no part in, by signing name.
    """

    def __init__(
        self,
        *,
        region: str,
        account: str,
        interceptors: Sequence[Interceptor],
        pages: Mapping[str, Page],
        on_mutation: Callable[[Call], None],
        natives: Mapping[str, Handler] | None = None,
    ) -> None:
        self._region = region
        self._account = account
        self._on_mutation = on_mutation
        self.collector = Collector()
        own = {name: page for each in interceptors for name, page in getattr(each, "pages", {}).items()}
        self._pages = Pages({**own, **pages})
        self._natives = natives or {}
        self._chain = _chained(interceptors, self._last)
        self._server = HttpServer(self._answer, limit_of=_limit_of)

    async def serve(self, port: int) -> None:
        """Listen on 127.0.0.1:`port`; returns once connections are accepted. `OSError` when the port is taken."""
        await self._server.serve(port)
        progress.listeners.append(self._progressed)

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        if self._progressed in progress.listeners:
            progress.listeners.remove(self._progressed)
        await self._server.close()

    async def handle(self, call: Call) -> Answer:
        """The answer to `call` by way of all interceptors; also for calls made inside the daemon."""
        api = api_of(call.service)
        if api is None:
            return not_provided(call)
        if call.region != self._region and not api.is_global:
            return error(
                call, "UnrecognizedClientException", f"the embedded cloud runs in {self._region} only", status=403
            )
        if api.protocol == "json" and not call.parameters and not is_object(call.body):
            return error(call, "SerializationException", "the body is not a JSON object")
        self.collector.note_call()
        answer = await self._chain(call)
        if answer.is_success and api.is_mutation(call.action):
            self._on_mutation(call)
        return answer

    def _progressed(self) -> None:
        """A stack took a step of its own: whoever follows CloudFormation's calls should look."""
        self._on_mutation(
            Call(
                service="cloudformation",
                action="Progress",
                region=self._region,
                caller="cloudformation",
                parameters={},
                method="POST",
                path="/",
                query="",
                headers={},
                body=b"",
                at=time.time(),
            )
        )

    async def _answer(self, request: HttpRequest) -> Answer:
        if request.path.startswith(PREFIX):
            return await self._pages.answer(request)
        try:
            call = call_of(
                method=request.method,
                path=request.path,
                query=request.query,
                headers=request.headers,
                body=request.body,
                at=time.time(),
            )
        except Unsigned:
            return Answer(
                status=403,
                headers={"content-type": "application/json"},
                body=b'{"__type":"MissingAuthenticationToken","message":"the request is not signed (SigV4)"}',
            )
        except rest_json.Malformed as problem:
            headers = {"content-type": "application/json", "x-amzn-errortype": "ValidationException"}
            return Answer(status=400, headers=headers, body=orjson.dumps({"message": str(problem)}))
        return await self.handle(call)

    async def _last(self, call: Call) -> Answer:
        """Who keeps the API's records answers."""
        native = self._natives.get(call.service)
        return await native(call) if native is not None else self._moto(call)

    def _moto(self, call: Call) -> Answer:
        api = api_of(call.service)
        target = call.headers.get("x-amz-target", "")
        if api is None or not api.moto or not api.provides(call.action) or not api.serves(target, call.parameters):
            return not_provided(call)
        return direct.answer(api, call) if api.handler else wsgi.answer(api, call)


def _chained(interceptors: Sequence[Interceptor], last: Handler) -> Handler:
    handler = last
    for interceptor in reversed(interceptors):
        handler = _before(interceptor, handler)
    return handler


def _before(interceptor: Interceptor, handler: Handler) -> Handler:
    async def handle(call: Call) -> Answer:
        return await interceptor(call, handler)

    return handle


def _limit_of(headers: Mapping[str, str]) -> int:
    scope = headers.get("authorization", "").partition("Credential=")[2].split("/")
    return BODY_LIMITS.get(scope[3], BODY_LIMIT) if len(scope) > 3 else BODY_LIMIT
