"""The one codec for all of AWS's protocols, driven by botocore's service models: requests in, answers out.

moto's parsers and serializers do the work (they read a model, not a service); what is here is which of them, and what
an operation's output may be: members under AWS's names, whose leaves may be objects of moto's with such attributes.
Protocols: Smithy documentation, "AWS JSON 1.0", "AWS query", "AWS EC2 query", "AWS restJson1", "AWS restXml".
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote
from uuid import uuid4

import orjson
from botocore.exceptions import UnknownServiceError
from botocore.loaders import create_loader
from botocore.model import OperationModel, OperationNotFoundError

from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.gateway.refused import Refused

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@cache
def model(name: str) -> Any:
    """botocore's model of the service `name`, whose shapes are moto's: its parsers and serializers need them."""
    from moto.core.utils import get_service_model  # moto must find its settings in place

    return get_service_model(name)


@lru_cache(maxsize=4096)  # callers may ask for what does not exist
def operation(name: str, action: str) -> OperationModel | None:
    """The operation `action` of the service, or None when AWS has none of that name."""
    try:
        found: OperationModel = model(name).operation_model(action)
    except OperationNotFoundError:
        return None
    return found


@lru_cache(maxsize=64)  # likewise
def rest_protocol(service: str) -> str:
    """In which protocol an API that is not provided, signed as `service`, understands a refusal; JSON when unknown."""
    try:
        found = create_loader().load_service_model(service, "service-2")["metadata"]["protocol"]
    except UnknownServiceError:
        return "json"
    return str(found) if str(found).startswith("rest-") else "json"


def json_members(body: bytes) -> dict[str, Any]:
    """The members of the JSON protocol as they came; an empty body stands for an empty object."""
    try:
        parsed = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as problem:
        raise Refused("SerializationException", f"the body is not JSON: {problem}") from problem
    if not isinstance(parsed, dict):
        raise Refused("SerializationException", "the body is not a JSON object")
    return parsed


def members(protocol: str, of: OperationModel, wire: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's members with the types of the model: times are datetimes, blobs bytes. `Refused` if malformed."""
    from moto.core.parse import PROTOCOL_PARSERS
    from werkzeug.datastructures import Headers, MultiDict

    pairs: Any = wire.form.items() if protocol in ("query", "ec2") else parse_qsl(wire.query, keep_blank_values=True)
    request = {
        "method": wire.method,
        "values": MultiDict(pairs),
        "headers": Headers(wire.headers.items()),
        "body": wire.body,
        "url_path": wire.path,
        "url_params": dict(labels),
    }
    try:
        parsed = PROTOCOL_PARSERS[protocol](of, blob_parser=_blob).parse(request)
    except Exception as problem:
        raise Refused(_MALFORMED[protocol], f"the request cannot be read: {problem}") from problem
    return {name: value for name, value in parsed.items() if value is not None and (value != [] or _is_said(of, name))}


def is_stream(shape: Any) -> bool:
    """Whether the body of a request is data, not members: an object that is compressed is kept so."""
    payload = shape.serialization.get("payload") if shape else None
    return payload is not None and shape.members[payload].type_name in ("blob", "string")


def _is_said(of: OperationModel, name: str) -> bool:
    """Whether an empty list stands in the request: parsers give one for a member of the query that is not there."""
    return of.input_shape is None or of.input_shape.members[name].serialization.get("location") != "querystring"


def _blob(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_MALFORMED: Mapping[str, str] = {
    "rest-json": "SerializationException",
    "query": "MalformedInput",
    "ec2": "InvalidParameterValue",
    "rest-xml": "MalformedXML",
}


class Ready(dict[str, Any]):
    """Members of a JSON protocol as they go over the wire: times are Unix seconds, parts may be `orjson.Fragment`.

    For large outputs of our own: looking each value up in the model costs 10 us.
    """


def answer(
    protocol: str, of: OperationModel, output: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> Answer:
    """The answer whose members are `output`. `names`: where moto's objects keep members under other names."""
    from moto.core.serialize import SerializationContext, XFormedAttributePicker, get_serializer_class

    request_id = str(uuid4())
    if isinstance(output, Ready):
        headers = {"x-amzn-requestid": request_id, "content-type": f"application/x-amz-json-{_json_version(of)}"}
        return Answer(status=200, headers=headers, body=orjson.dumps(output))
    serializer = get_serializer_class(of.service_model.service_name, protocol)(
        operation_model=of,
        context=SerializationContext(request_id),
        value_picker=XFormedAttributePicker(response_transformers=names),
    )
    made = serializer.serialize(output)
    headers = {str(name).lower(): str(value) for name, value in made["headers"].items()}
    body = made["body"]
    status = _status(of, output) or int(made["status_code"])
    if status == 204 or (of.output_shape is None and protocol not in ("query", "ec2")):
        body = b""  # the query protocols have an envelope around nothing
    return Answer(
        status=status,
        headers={"x-amzn-requestid": request_id, **headers},
        body=body.encode() if isinstance(body, str) else bytes(body or b""),
    )


def _json_version(of: OperationModel) -> str:
    return str(of.service_model.metadata["jsonVersion"])


def _status(of: OperationModel, output: Mapping[str, Any]) -> int | None:
    """The status that a member of the output says, where the operation has one that does (Lambda's Invoke)."""
    members = of.output_shape.members.items() if of.output_shape else ()
    found = [output.get(name) for name, member in members if member.serialization.get("location") == "statusCode"]
    return int(found[0]) if found and found[0] is not None else None


# --- REST: an operation is a method, a path and what tells it from its neighbours there ------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    operation: OperationModel
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    """Literal query members; and those without a value are there, whatever it is."""
    required: frozenset[tuple[str, str]]
    """Location and wire name of members that must be there."""

    def fits(self, wire: HttpRequest, asked: Mapping[str, list[str]]) -> bool:
        return all(asked.get(name) == [value] for name, value in self.query.items()) and all(
            name in asked if location == "querystring" else name.lower() in wire.headers
            for location, name in self.required
        )


def route(name: str, wire: HttpRequest) -> tuple[OperationModel, dict[str, str]] | None:
    """The REST operation of the service that the request is, with the labels of its path; None if there is none."""
    asked = parse_qs(wire.query, keep_blank_values=True)
    fallback = None
    for candidate in _routes(name):
        match = candidate.path.fullmatch(wire.path) if candidate.method == wire.method else None
        if match is None or any(asked.get(key) != [value] for key, value in candidate.query.items()):
            continue
        labels = {key: unquote(value) for key, value in match.groupdict().items()}
        if candidate.fits(wire, asked):
            return candidate.operation, labels
        fallback = fallback or (candidate.operation, labels)  # a required member is missing: that is said later
    return fallback


@cache
def _routes(name: str) -> tuple[_Route, ...]:
    """The most specific ones first."""
    of = model(name)
    routes = [_route(of.operation_model(operation_name)) for operation_name in of.operation_names]
    return tuple(sorted(routes, key=lambda r: (-len(r.query), -len(r.required), r.path.groups, -len(r.path.pattern))))


def _route(of: OperationModel) -> _Route:
    path, _, query = of.http["requestUri"].partition("?")
    shape = of.input_shape
    required = {
        (member.serialization["location"], member.serialization.get("name", name))
        for name, member in (shape.members.items() if shape else ())
        if shape
        and name in shape.required_members
        and member.serialization.get("location") in ("querystring", "header")
    }
    return _Route(
        operation=of,
        method=of.http["method"],
        path=re.compile("".join(_patterns(path.rstrip("/"))) + "/?"),
        query={name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()},
        required=frozenset(required),
    )


def _patterns(path: str) -> Iterator[str]:
    """The path as a regular expression; a label is a group and never empty."""
    end = 0
    for label in _LABEL.finditer(path):
        yield re.escape(path[end : label.start()])
        yield f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        end = label.end()
    yield re.escape(path[end:])
