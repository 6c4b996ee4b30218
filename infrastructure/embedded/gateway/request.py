"""From an HTTP request to a `Call`: who calls which operation of which AWS API with what. Pure.

SigV4 names caller, region and API in the credential scope (AWS General Reference, "Signature Version 4"). Signatures
are not verified: the port is on loopback and its callers are the machine's own.
"""

import re
import zlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from botocore.model import OperationModel

from infrastructure.embedded.gateway import codec, validation
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Call, HttpRequest
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.routing import Router

_SCOPE = re.compile(r"Credential=([^/\s,]+)/\d{8}/([^/\s,]+)/([^/\s,]+)/aws4_request")


class Unsigned(Exception):
    """The request carries no SigV4 credential scope, so nothing says which API it is for."""


def call_of(request: HttpRequest, router: Router, *, at: float) -> Call:
    """The call in a request; `Unsigned` when it has no credential scope.

    Its members are not read yet, but for the labels of a REST path, which name the operation: that is `read`'s.
    """
    caller, region, service = _scope(request)
    api = router.find(service, request)
    labels: dict[str, str] = {}
    target = request.headers.get("x-amz-target")
    if target is not None and (api is None or not api.protocol.startswith("rest")):
        action, protocol = target.rpartition(".")[2], "json"
    elif (api is None or not api.protocol.startswith("rest")) and (request.is_form or "Action=" in request.query):
        action = request.form.get("Action", "")
        protocol = "ec2" if api is not None and api.protocol == "ec2" else "query"
    else:
        action = f"{request.method} {request.path}"
        protocol = api.protocol if api is not None else codec.rest_protocol(service)
        found = codec.route(api.model_name, request) if api is not None and api.protocol.startswith("rest") else None
        if found is not None:
            action, labels = found[0].name, found[1]
    operation = codec.operation(api.model_name, action) if api is not None else None
    return Call(
        service=service,
        action=action,
        region=region,
        caller=caller,
        parameters={**labels},
        request=request,
        protocol=protocol,
        api=api,
        operation=operation,
        at=at,
    )


def read(call: Call, api: Api, of: OperationModel) -> Call:
    """The call with its members, which are what the operation takes; `Refused` says what is not."""
    if call.protocol == "json":
        request = _decompressed(call.request, api.body_limit)
        given = codec.json_members(request.body)
    else:
        request = call.request if codec.is_stream(of.input_shape) else _decompressed(call.request, api.body_limit)
        document = _document(call.protocol, of, request)
        given = codec.members(call.protocol, of, request, call.parameters)
        if call.protocol in ("query", "ec2"):
            validation.check_form(api, of, request.form)
        else:
            validation.check_head(api, of, request)
        if call.protocol == "rest-json":
            validation.check_document(api, of, document)
        elif call.protocol == "rest-xml":
            validation.check_xml(of, request.body)
    validation.check(api, of, given)
    return call.read(given, request)


def _document(protocol: str, of: OperationModel, request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a REST body; empty where the body is something else."""
    shape = of.input_shape
    is_document = protocol == "rest-json" and shape is not None and not shape.serialization.get("payload")
    return codec.json_members(request.body) if is_document else {}


def _decompressed(request: HttpRequest, limit: int) -> HttpRequest:
    """The request with a body that is not compressed: SDKs compress what is larger than 10 KiB for some APIs."""
    if request.headers.get("content-encoding") != "gzip":
        return request
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(request.body, limit + 1)
    except zlib.error as problem:
        raise Refused("SerializationException", f"the body is not gzip: {problem}") from problem
    if len(body) > limit or not stream.eof:
        raise Refused("RequestEntityTooLarge", f"the body is more than {limit} bytes when decompressed", status=413)
    headers = {name: value for name, value in request.headers.items() if name != "content-encoding"}
    return replace(request, body=body, headers={**headers, "content-length": str(len(body))})


def _scope(request: HttpRequest) -> tuple[str, str, str]:
    match = _SCOPE.search(request.headers.get("authorization", ""))
    if match is None:
        match = _SCOPE.search(f"Credential={parse_qs(request.query).get('X-Amz-Credential', [''])[0]}")
    if match is None:
        raise Unsigned
    return match[1], match[2], match[3].lower()
