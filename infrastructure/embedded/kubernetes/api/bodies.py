"""From a request's body to a document: JSON, YAML, or the protobuf that kubectl writes of some kinds."""

import contextlib
from typing import Any

import orjson
import yaml

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.kubernetes.api import protobuf
from infrastructure.embedded.kubernetes.schema import check
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors
from infrastructure.embedded.kubernetes.store.objects import Draft

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
LIMIT = 3 << 20
"""Bytes a body may have, as in the API server."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def media_type(request: HttpRequest) -> str:
    """What the body is written in."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


def document(request: HttpRequest) -> Any:
    """The body as it was written. `ApiError` 400 or 415 when it cannot be read."""
    written_in = media_type(request)
    if written_in == PROTOBUF:
        try:
            return protobuf.decoded(request.body)
        except protobuf.Unreadable as problem:
            raise errors.bad_request(f"object provided is unrecognized: {problem}") from problem
    if written_in == YAML:
        return parsed_yaml(request.body)
    if written_in not in (JSON, ""):
        raise errors.unsupported_type(written_in, (JSON, YAML, PROTOBUF))
    return parsed_json(request.body)


def parsed_json(body: bytes) -> Any:
    """A document in JSON. `ApiError` 400."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise errors.bad_request(f"couldn't get version/kind; json parse error: {problem}") from problem


def parsed_yaml(body: bytes) -> Any:
    """YAML, which JSON is, too. Aliases are refused: a few lines of them make a document of any size."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body, Loader=_LOADER)):
            raise errors.bad_request(
                "error converting YAML to JSON: aliases are not read here; write out what they name"
            )
        return yaml.load(body, Loader=_LOADER)  # noqa: S506 - both loaders make plain values and nothing else
    except (yaml.YAMLError, RecursionError) as problem:
        raise errors.bad_request(f"error converting YAML to JSON: {problem}") from problem


def typed(given: Any, kind_name: str, version: str, validation: str) -> tuple[Draft, list[str]]:
    """An object of that type, and warnings: what its type has no field for is left out, or refused.

    `validation` is `Strict`, `Warn` or `Ignore`.
    """
    if not isinstance(given, dict):
        raise errors.bad_request("the object provided is unrecognized: it is no JSON object")
    begin = f'{kind_name} in version "{version.rpartition("/")[2]}" cannot be handled as a {kind_name}: '
    try:
        surplus = check.unknown(given, kind_name)
    except check.WrongType as problem:
        raise errors.bad_request(f"{begin}{problem}") from problem
    told = [f'unknown field "{place}"' for place in surplus]
    if told and validation == "Strict":
        raise errors.bad_request(f"{begin}strict decoding error: {', '.join(told)}")
    made: Draft = check.pruned(given, kind_name)
    return made, told if validation in ("", "Warn") else []


def named(given: Any, kind: Kind) -> None:
    """Refuse an object that says it is of another kind than the path does."""
    if not isinstance(given, dict):
        raise errors.bad_request("the object provided is unrecognized: it is no JSON object")
    says = (given.get("apiVersion", kind.api_version), given.get("kind", kind.name))
    if says != (kind.api_version, kind.name):
        raise errors.bad_request(
            f"the API version in the data ({says[0]}, {says[1]}) does not match the expected API version "
            f"({kind.api_version}, {kind.name})"
        )
