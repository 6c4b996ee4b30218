"""The AWS APIs of the embedded cloud on one loopback port.

    HTTP -> Host, Origin -> signature -> request -> allowed? valid? -> audit -> injected errors -> idempotency
         -> the API's own interceptors -> our own operation | moto -> notify

Runs inside the daemon's event loop, and never holds it for longer than one moto call takes.
"""

import inspect
import pkgutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import unquote

from infrastructure.embedded.gateway import request
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import (
    ANONYMOUS,
    Answer,
    Call,
    Door,
    Handler,
    HttpRequest,
    Interceptor,
    UploadReader,
)
from infrastructure.embedded.gateway.checks import rules
from infrastructure.embedded.gateway.errors import error, not_provided
from infrastructure.embedded.gateway.listener import HttpServer
from infrastructure.embedded.gateway.operations import Method, Operations
from infrastructure.embedded.gateway.pages import PREFIX, Page, Pages, json_answer
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.routing import Router
from infrastructure.embedded.gateway.signing import credentials, sigv4
from infrastructure.embedded.gateway.signing.authentication import Authentication, Unproven
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.gateway.signing.denials import denial
from infrastructure.embedded.moto import answers, direct
from infrastructure.embedded.stacks import progress

_BODY_LIMIT = 1 << 20
"""Bytes that a body may have whose API is not known."""


class ControlPlane:
    """Serves every API to those whose keys are on the `keyring`. `pages`: name (`status`) to handler; `on_mutation`
    hears of each call that changed something: its API and its operation.

    Interceptors are asked in their order; each may answer itself. Those with `pages` of their own add them.
    `operations` are asked before moto.
    """

    def __init__(
        self,
        *,
        region: str,
        keyring: Keyring,
        router: Router,
        operations: Operations,
        interceptors: Sequence[Interceptor],
        pages: Mapping[str, Page],
        on_mutation: Callable[[str, str], None],
    ) -> None:
        self._region = region
        self._authentication = Authentication(keyring, region)
        self._router = router
        self._operations = operations
        self._on_mutation = on_mutation
        self._count = 0
        self._doors = {each.service: each.permits for each in interceptors if isinstance(each, Door)}
        self._uploads: Mapping[str, UploadReader] = {
            api.name: pkgutil.resolve_name(api.uploads) for api in router.apis if api.uploads
        }
        own = {name: page for each in interceptors for name, page in getattr(each, "pages", {}).items()}
        self._pages = Pages({**own, **pages})
        self._chains = {api.key: _chained(api, interceptors, self._last) for api in router.apis}
        self._server = HttpServer(self._answer, limit_of=self._limit_of)

    async def serve(self, port: int) -> None:
        """Listen on 127.0.0.1:`port`; returns once connections are accepted. `OSError` when the port is taken."""
        await self._server.serve(port)
        progress.listeners.append(self._progressed)

    async def close(self) -> None:
        """Stop listening and cut what is open. Safe to call twice."""
        if self._progressed in progress.listeners:
            progress.listeners.remove(self._progressed)
        await self._server.close()

    def calls(self) -> int:
        """How many were answered so far, but for those that were refused at the door."""
        return self._count

    async def handle(self, call: Call) -> Answer:
        """The answer to `call` by way of all interceptors, whoever made it; also for calls made inside the daemon."""
        api = call.api
        method = self._operations.answering(call)
        if api is None or call.operation is None or not (method or api.allows(call.action)):
            return not_provided(call)
        if call.region != self._region and not api.is_global:
            text = f"the embedded cloud runs in {self._region} only"
            return error(call, "UnrecognizedClientException", text, status=403)
        try:
            valid = request.read(call, api, call.operation)
            rules.check(api, valid.action, valid.parameters)
        except Refused as refused:
            return direct.failed(call, refused)
        self._count += 1
        answer = await self._chains[api.key](valid)
        if answer.is_success and call.is_mutation:
            self._on_mutation(api.key, call.action)
        return answer

    def _progressed(self) -> None:
        """A stack took a step of its own: whoever follows CloudFormation's calls should look."""
        self._on_mutation("cloudformation", "Progress")

    async def _answer(self, asked: HttpRequest) -> Answer:
        is_page = asked.path.startswith(PREFIX)
        if is_page and self._pages.is_open(asked):
            return await self._pages.answer(asked)
        at = time.time()
        try:
            issued, asked = self._authentication.check(asked, at)
        except Unproven as unproven:
            if is_page:
                return _page_denied(unproven)
            call = request.call_of(asked, self._router, at=at)
            return await self._unproven(call, unproven)
        if is_page:
            return await self._pages.answer(asked)
        credentials.caller.set(issued)  # of this request's task alone
        return await self.handle(request.call_of(asked, self._router, at=at, caller=issued.principal.name))

    async def _unproven(self, call: Call, unproven: Unproven) -> Answer:
        """The answer to what carries no signature, or none that is good, where others carry it."""
        if unproven.kind != "unsigned":
            return _denied(call, unproven)
        if call.request.is_upload and call.service in self._uploads:
            return await self._uploaded(call, self._uploads[call.service])
        if self._is_open(call):
            return await self.handle(replace(call, caller=ANONYMOUS))
        return _denied(call, unproven)

    async def _uploaded(self, call: Call, read: UploadReader) -> Answer:
        """The answer to a form with a file: the call that it stands for is made by whoever signed its policy."""
        try:
            upload = read(call.request)
            issued = self._authentication.check_form(upload.fields, call.at)
            wire = upload.called(call.at)
        except Unproven as unproven:
            return _denied(call, unproven)
        except Refused as refused:
            return direct.failed(call, refused)
        caller = issued.principal.name if issued is not None else ANONYMOUS
        meant = request.call_of(wire, self._router, at=call.at, caller=caller)
        if issued is None and not self._is_open(meant):
            return _denied(meant, Unproven("unsigned"))
        credentials.caller.set(issued)
        return upload.answered(await self.handle(meant))

    def _is_open(self, call: Call) -> bool:
        """Whether its API takes it from anybody."""
        permits = self._doors.get(call.service)
        return permits is not None and permits(call)

    async def _last(self, call: Call) -> Answer:
        """Who keeps the API's records answers."""
        method = self._operations.answering(call)
        try:
            return await _own(method, call) if method is not None else answers.of_moto(call)
        except Exception as failure:  # noqa: BLE001  # whatever it is must become an answer of the service's protocol
            return direct.failed(call, failure)

    def _limit_of(self, head: HttpRequest) -> int:
        scope = (head.headers.get("authorization") or unquote(head.query)).partition("Credential=")[2].split("/")
        is_s3 = head.is_upload or "AWSAccessKeyId=" in head.query
        api = self._router.named(scope[3] if len(scope) > 3 else sigv4.S3 if is_s3 else "")
        return api.body_limit if api is not None else _BODY_LIMIT


def _page_denied(unproven: Unproven) -> Answer:
    said = denial("", "json", unproven.kind, unproven.detail)
    return json_answer(said.status, {"error": f"{said.message}; sign with the keys that `cafe env` shows"})


def _denied(call: Call, unproven: Unproven) -> Answer:
    if unproven.kind == "unsigned" and call.operation is not None and call.operation.auth_type == "none":
        return not_provided(call)  # AWS itself takes it unsigned
    said = denial(call.service, call.protocol, unproven.kind, unproven.detail)
    return error(call, said.code, said.message, status=said.status)


async def _own(method: Method, call: Call) -> Answer:
    """Our own answer. Its members are typed as in the model, also those that JSON has no type for."""
    output = method(call.typed)
    return answers.of_output(call, await output if inspect.isawaitable(output) else output)


def _chained(api: Api, interceptors: Sequence[Interceptor], last: Handler) -> Handler:
    """The interceptors that see calls of `api`, each with the next one to hand them on to."""
    handler = last
    for interceptor in reversed(interceptors):
        if getattr(interceptor, "service", api.key) == api.key:
            handler = partial(interceptor, handle=handler)
    return handler
