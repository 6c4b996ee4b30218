"""The rest-json protocol: which operation a request is and what its members are, and the answer's way back.

Read off botocore's own service model, so that what an SDK writes is what is read here: members travel in the path, the
query, headers and the body, and one of them may be the whole body (Invoke's payload). Source: Smithy, "AWS restJson1".
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from infrastructure.embedded.gateway.call import Answer

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


class Malformed(Exception):
    """The request is one of an operation, but its members are not what the operation takes."""


@dataclass(frozen=True, slots=True)
class _Route:
    """An operation's method, path and the query members that tell it from another one on the same path."""

    operation: OperationModel
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An operation with its members under the model's names."""

    action: str
    parameters: dict[str, Any]


def request_of(
    service: str, *, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> Request | None:
    """The operation of `service` that the request is, or None. `Malformed` when its members are wrong."""
    asked = parse_qs(query, keep_blank_values=True)
    for route in _routes(service):
        match = route.path.fullmatch(path) if route.method == method else None
        if match is not None and all(asked.get(name) == [value] for name, value in route.query.items()):
            labels = {name: unquote(value) for name, value in match.groupdict().items()}
            parameters = _members(route.operation, labels, asked, headers, body)
            _check(route.operation, parameters)
            return Request(action=route.operation.name, parameters=parameters)
    return None


def answer_of(service: str, action: str, output: Mapping[str, Any]) -> Answer:
    """The answer whose members are `output`; None members are left out."""
    operation = _model(service).operation_model(action)
    status = int(operation.http.get("responseCode", 200))
    headers = {"content-type": "application/json"}
    shape = operation.output_shape
    if shape is None:
        return Answer(status=status, headers=headers, body=b"")
    document: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    body: bytes | None = None
    for name, value in output.items():
        place = shape.members[name].serialization if name in shape.members else {}
        match place.get("location"):
            case _ if value is None:
                continue
            case "statusCode":
                status = int(value)
            case "header":
                headers[place.get("name", name).lower()] = str(value)
            case _ if name == payload:
                body = bytes(value)
            case _:
                document[place.get("name", name)] = value
    if body is None:
        body = b"" if status == 204 else orjson.dumps(document)
    return Answer(status=status, headers=headers, body=body)


def operations(service: str) -> frozenset[str]:
    """All operations of the service; loads its model."""
    return frozenset(route.operation.name for route in _routes(service))


def _members(
    operation: OperationModel,
    labels: Mapping[str, str],
    asked: Mapping[str, list[str]],
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    document = _document(body) if payload is None and body else {}
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                found[name] = _scalar(member, labels.get(wire))
            case "querystring":
                values = asked.get(wire)
                found[name] = values if member.type_name == "list" else _scalar(member, values[0] if values else None)
            case "header":
                found[name] = _scalar(member, headers.get(wire.lower()))
            case _ if name == payload:
                found[name] = body
            case _:
                found[name] = _value(member, document.get(wire))
    return {name: value for name, value in found.items() if value is not None}


def _document(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise Malformed(f"Could not parse request body into json: {problem}") from problem
    if not isinstance(parsed, dict):
        raise Malformed("Could not parse request body into json: it is no object")
    return parsed


def _scalar(shape: Shape, text: str | None) -> Any:
    """A member of path, query or header: text for anything that is no number or truth value."""
    if text is None:
        return None
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return text.lower() == "true"
    except ValueError:
        raise Malformed(f"{text!r} is no {shape.type_name}") from None
    return text


def _value(shape: Shape, value: Any) -> Any:
    """A member of the body, binary ones decoded, unknown ones left out."""
    match value:
        case dict() if shape.type_name == "structure":
            known = {name: (member, value.get(name)) for name, member in shape.members.items()}  # type: ignore[attr-defined]
            return {name: _value(member, given) for name, (member, given) in known.items() if given is not None}
        case list() if shape.type_name == "list":
            return [_value(shape.member, each) for each in value]  # type: ignore[attr-defined]
        case str() if shape.type_name == "blob":
            try:
                return base64.b64decode(value, validate=True)
            except ValueError as problem:
                raise Malformed(f"a binary member is not base64: {problem}") from problem
    return value


def _check(operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    if operation.input_shape is None:
        return
    report = ParamValidator().validate(dict(parameters), operation.input_shape)
    if report.has_errors():
        raise Malformed(report.generate_report())


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(create_loader().load_service_model(service, "service-2"), service)


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Those with the most specific path first, by what it says literally."""
    model = _model(service)
    routes = [_route(model.operation_model(name)) for name in model.operation_names]
    return tuple(sorted(routes, key=lambda route: (-len(route.query), route.path.groups, -len(route.path.pattern))))


def _route(operation: OperationModel) -> _Route:
    path, _, query = operation.http["requestUri"].partition("?")
    pattern = "".join(_patterns(path.rstrip("/"))) + "/?"
    return _Route(
        operation=operation,
        method=operation.http["method"],
        path=re.compile(pattern),
        query={name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()},
    )


def _patterns(path: str) -> Iterator[str]:
    """The path as a regular expression; a label is a group and never empty."""
    end = 0
    for label in _LABEL.finditer(path):
        yield re.escape(path[end : label.start()])
        yield f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        end = label.end()
    yield re.escape(path[end:])
