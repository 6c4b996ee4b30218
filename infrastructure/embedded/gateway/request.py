"""From an HTTP request to a `Call`: who calls which operation of which AWS API with what. Pure.

SigV4 names caller, region and API in the credential scope (AWS General Reference, "Signature Version 4"). Signatures
are not verified: the port is on loopback and its callers are the machine's own.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl

import orjson

from infrastructure.embedded.gateway import rest_json
from infrastructure.embedded.gateway.call import Call
from infrastructure.embedded.gateway.providers import api_of

_SCOPE = re.compile(r"Credential=([^/\s,]+)/\d{8}/([^/\s,]+)/([^/\s,]+)/aws4_request")


class Unsigned(Exception):
    """The request carries no SigV4 credential scope, so nothing says which API it is for."""


def call_of(*, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, at: float) -> Call:
    """The call in an HTTP request with lower-case `headers`; `Unsigned` when it has no credential scope.

    `action` of REST-XML, and of a path that no operation has, is made up from method and path. `rest_json.Malformed`
    when a REST-JSON operation is not given what it takes.
    """
    caller, region, service = _scope(headers, query)
    target = headers.get("x-amz-target")
    api = api_of(service)
    if api is not None and api.protocol == "rest-json":
        found = rest_json.request_of(service, method=method, path=path, query=query, headers=headers, body=body)
        action, parameters = (found.action, found.parameters) if found else (f"{method} {path}", {})
    elif target is not None:
        action, parameters = target.rpartition(".")[2], _json(body)
    elif headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or "Action=" in query:
        fields: dict[str, object] = dict(parse_qsl(body.decode("utf-8", "replace") or query, keep_blank_values=True))
        action, parameters = str(fields.get("Action", "")), fields
    else:
        action, parameters = _rest_action(service, method, path), {}
    return Call(
        service=service,
        action=action,
        region=region,
        caller=caller,
        parameters=parameters,
        method=method,
        path=path,
        query=query,
        headers=dict(headers),
        body=body,
        at=at,
    )


def _scope(headers: Mapping[str, str], query: str) -> tuple[str, str, str]:
    match = _SCOPE.search(headers.get("authorization", ""))
    if match is None:
        match = _SCOPE.search(f"Credential={parse_qs(query).get('X-Amz-Credential', [''])[0]}")
    if match is None:
        raise Unsigned
    return match[1], match[2], match[3].lower()


def _json(body: bytes) -> dict[str, object]:
    """The JSON object in `body`; empty when it is none: moto then answers with the error that AWS gives."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def is_object(body: bytes) -> bool:
    """Whether `body` is a JSON object; an empty body stands for an empty one."""
    try:
        return not body or isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


def _rest_action(service: str, method: str, path: str) -> str:
    """A name for a REST call: in the manner of S3's operations (`GetObject`, `PutBucket`), else method and path."""
    if service != "s3":
        return f"{method} {path}"
    verb = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "POST": "Post", "DELETE": "Delete"}.get(method, method.title())
    return verb + ("Object" if path.strip("/").count("/") else "Bucket")
