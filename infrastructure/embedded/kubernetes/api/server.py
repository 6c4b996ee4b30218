"""The API server: who asks, for what, in which form; then reading, writing, or what lies below an object.

request ──▶ token: who? (401) ──▶ place: what? (404) ──▶ may they? (403) ──▶ reading, writing, a subresource
                                                                              └──▶ an object, or a Status
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Protocol

from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.gateway.websocket import WebSocket
from infrastructure.embedded.kubernetes.api import (
    answers,
    bodies,
    eviction,
    forwarding,
    scale,
    streams,
    token_requests,
    tunnel,
)
from infrastructure.embedded.kubernetes.api.access import Access, Act, User
from infrastructure.embedded.kubernetes.api.documents import Documents
from infrastructure.embedded.kubernetes.api.forms import form_of
from infrastructure.embedded.kubernetes.api.places import Place, Query, place
from infrastructure.embedded.kubernetes.api.reading import Reading, selected
from infrastructure.embedded.kubernetes.api.reviews import reviewed
from infrastructure.embedded.kubernetes.api.writing import Writing, deletion
from infrastructure.embedded.kubernetes.kubelet.execution import Execution, Wish
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.tokens import Tokens
from infrastructure.errors import CafeError

Authenticate = Callable[[str], User | None]
"""Who a bearer token belongs to; None for nobody."""
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Nodes(Protocol):
    """What only the kubelets know."""

    async def log(self, pod: Object, query: Query) -> Answer:
        """The log of one of the pod's containers."""

    async def execute(self, pod: Object, wish: Wish) -> Execution:
        """Run a command in one of the pod's containers. `LookupError` when that does not run."""

    def written(self, pod: Object, container: str) -> AsyncGenerator[bytes, None]:
        """What one of the pod's containers writes from now on."""

    async def connect(self, pod: Object, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of the pod's ports. `LookupError` when it does not run, `OSError` when nobody listens."""

    def metrics(self, place: Place, query: Query) -> Answer:
        """metrics.k8s.io: what pods or nodes use now."""


class ApiServer:
    """Answers every request to one cluster."""

    def __init__(
        self, registry: Registry, nodes: Nodes, authenticate: Authenticate, tokens: Tokens, address: str
    ) -> None:
        self._registry = registry
        self._tokens = tokens
        self._nodes = nodes
        self._authenticate = authenticate
        self._documents = Documents(address)
        self._access = Access(registry.store)
        self._reading = Reading(registry)
        self._writing = Writing(registry)

    async def answer(self, request: HttpRequest) -> Answer:
        try:
            user = self._user(request)
            found = self._documents.answer(request)
            return found if found is not None else await self._resource(request, user)
        except ApiError as problem:
            return answers.refused(problem)

    async def talk(self, request: HttpRequest, socket: WebSocket) -> None:
        """exec, attach and port-forward; what is refused is refused as any other request."""
        try:
            user, at = self._user(request), place(request.path)
            answering = {"exec": self._execute, "attach": self._attach, "portforward": self._forward}.get(
                at.subresource
            )
            if answering is None:
                raise errors.unknown_path()
            self._may(user, "create", at)
            await answering(self._registry.get(at.kind, at.key), request, socket)
        except ApiError as problem:
            await socket.refuse(answers.refused(problem))

    async def _execute(self, pod: Object, request: HttpRequest, socket: WebSocket) -> None:
        protocol, wish = streams.spoken(socket), streams.wish_of(request.query)
        if not wish.command:
            raise errors.bad_request("you must specify at least one command for the container")
        try:
            execution = await self._nodes.execute(pod, wish)
        except LookupError as problem:
            raise errors.bad_request(f'unable to upgrade connection: container not found ("{problem}")') from problem
        except CafeError as problem:
            await socket.accept(protocol)
            await streams.fail(socket, f"error executing command in container: {problem}")
            return
        await streams.converse(socket, protocol, execution)

    async def _attach(self, pod: Object, request: HttpRequest, socket: WebSocket) -> None:
        protocol, wish = streams.spoken(socket), streams.wish_of(request.query)
        written = self._nodes.written(pod, wish.container)
        await socket.accept(protocol)
        if wish.has_stdin:
            await streams.fail(socket, "a container of the embedded cloud reads no stdin: attach without, or use exec")
        else:
            await streams.show(socket, written)

    async def _forward(self, pod: Object, request: HttpRequest, socket: WebSocket) -> None:
        protocol = streams.spoken(socket, (tunnel.PROTOCOL, forwarding.PROTOCOL))
        is_tunnel = protocol == tunnel.PROTOCOL
        ports = () if is_tunnel else forwarding.ports_of(request.query)
        if not objects.spec(pod).get("nodeName"):
            raise errors.bad_request(f"pod {objects.name(pod)} does not have a host assigned")
        await socket.accept(protocol)

        def reach(port: int) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
            return self._nodes.connect(pod, port)

        await (tunnel.forward(socket, reach) if is_tunnel else forwarding.forward(socket, ports, reach))

    def _user(self, request: HttpRequest) -> User:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user = self._whose(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.unauthorized()
        return user

    def _whose(self, token: str) -> User | None:
        return self._tokens.user(token) or self._authenticate(token)

    async def _resource(self, request: HttpRequest, user: User) -> Answer:
        query, at = Query.of(request.query), place(request.path)
        verb = _verb(request, at, query)
        self._may(user, verb, at)
        if at.kind.group == "metrics.k8s.io":
            if verb not in at.kind.verbs:
                raise errors.method_not_allowed()
            return self._nodes.metrics(at, query)
        if not at.kind.is_stored:
            return self._review(request, at, user)
        if at.subresource and at.subresource != "status":
            return await self._below(request, at, query)
        return self._on_object(verb, request, at, query)

    def _may(self, user: User, verb: str, at: Place) -> None:
        kind = at.kind
        self._access.check(
            user,
            Act(
                verb=verb,
                group=kind.group,
                resource=kind.plural,
                subresource=at.subresource,
                namespace=at.namespace,
                name=at.name,
            ),
        )

    def _on_object(self, verb: str, request: HttpRequest, at: Place, query: Query) -> Answer:
        """Plain requests. A verb that does not go with the place is a 405."""
        form = form_of(request.headers.get("accept", ""))
        writer = self._reading.writer(at.kind, form, query)
        match verb:
            case "watch":
                return self._reading.watch(at, query, form)
            case "list":
                return self._reading.listed(at, query, form)
            case "get":
                return self._reading.get(at, query, form)
            case "create" if not at.name:
                made, warnings = self._writing.create(at, query, request)
                return answers.answer(writer.one(made), 201, warnings)
            case "update" if at.name:
                made, warnings = self._writing.update(at, query, request)
                return answers.answer(writer.one(made), 200, warnings)
            case "patch" if at.name:
                made, warnings, is_new = self._writing.patch(at, query, request)
                return answers.answer(writer.one(made), 201 if is_new else 200, warnings)
            case "delete" if at.name and not at.subresource:
                gone, is_gone = self._writing.delete(at, query, request)
                return answers.answer(
                    answers.deleted(at.kind, gone) if is_gone and not at.kind.is_given_back else writer.one(gone)
                )
            case "deletecollection":
                matches = selected(at.kind, at, query)
                found = [each for each in self._registry.store.all(at.kind.id, at.namespace) if matches(each)]
                self._writing.delete_all(at.kind, found, query, request)
                return answers.answer(writer.many(found, {"resourceVersion": str(self._registry.store.version)}))
        raise errors.method_not_allowed()

    def _review(self, request: HttpRequest, at: Place, user: User) -> Answer:
        if request.method != "POST" or at.name:
            raise errors.method_not_allowed()
        given = bodies.document(request)
        bodies.named(given, at.kind)
        made, warnings = bodies.typed(given, at.kind.name, at.kind.api_version, "Ignore")

        def whose(spec: Mapping[str, Any]) -> dict[str, Any]:
            return token_requests.reviewed(spec, self._tokens, self._authenticate)

        return answers.answer(reviewed(at.kind, made, user, self._access, whose), 201, warnings)

    async def _below(self, request: HttpRequest, at: Place, query: Query) -> Answer:
        found = self._registry.get(at.kind, at.key)
        if at.subresource in ("exec", "attach", "portforward"):
            return _only_by_websocket(request, at)
        below: Mapping[tuple[str, str], Callable[[], Awaitable[Answer]]] = {
            ("log", "GET"): lambda: self._nodes.log(found, query),
            ("scale", "GET"): lambda: _now(answers.answer(scale.scale_of(found))),
            ("scale", "PUT"): lambda: self._rescale(request, at, query),
            ("scale", "PATCH"): lambda: self._rescale(request, at, query),
            ("token", "POST"): lambda: self._token(request, found),
            ("eviction", "POST"): lambda: self._evict(request, found, query),
            ("binding", "POST"): lambda: self._bind(request, at),
            ("finalize", "PUT"): lambda: self._finalize(request, at, query),
        }
        answering = below.get((at.subresource, request.method))
        if answering is None:
            raise errors.method_not_allowed()
        return await answering()

    async def _token(self, request: HttpRequest, account: Object) -> Answer:
        return answers.answer(token_requests.answered(self._registry, self._tokens, account, request), 201)

    async def _rescale(self, request: HttpRequest, at: Place, query: Query) -> Answer:
        return answers.answer(scale.rescale(self._registry, at, query, request))

    async def _evict(self, request: HttpRequest, pod: Object, query: Query) -> Answer:
        given = bodies.document(request)
        if not isinstance(given, dict):
            raise errors.bad_request("an Eviction is a JSON object")
        how = deletion(given.get("deleteOptions") or {}, query)
        return answers.answer(eviction.evict(self._registry, pod, how), 201)

    async def _bind(self, request: HttpRequest, at: Place) -> Answer:
        given = bodies.document(request)
        node = ((given or {}).get("target") or {}).get("name", "") if isinstance(given, dict) else ""
        self._registry.bind(at.key, node)
        return answers.answer(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
        )

    async def _finalize(self, request: HttpRequest, at: Place, query: Query) -> Answer:
        made, warnings = self._writing.update(Place(kind=at.kind, name=at.name), query, request)
        return answers.answer(made, 200, warnings)


async def _now(made: Answer) -> Answer:
    return made


def _verb(request: HttpRequest, at: Place, query: Query) -> str:
    verb = _VERBS.get(request.method)
    if verb is None:
        raise errors.method_not_allowed()
    if verb == "get" and query.flag("watch"):
        return "watch"
    if verb == "get" and not at.name:
        return "list"
    return "deletecollection" if verb == "delete" and not at.name else verb


def _only_by_websocket(request: HttpRequest, at: Place) -> Answer:
    known = (tunnel.PROTOCOL, forwarding.PROTOCOL) if at.subresource == "portforward" else streams.PROTOCOLS
    raise errors.bad_request(
        f"{at.subresource} is provided over WebSockets ({', '.join(known)}): use kubectl 1.31 or later; "
        f"asked with upgrade: {request.headers.get('upgrade', 'none')}"
    )
