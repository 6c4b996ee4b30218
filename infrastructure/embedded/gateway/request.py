"""From an HTTP request to a `Call`: who calls which operation of which AWS API with what. Pure.

SigV4 names region and API in the credential scope (IAM User Guide, "Create a signed AWS API request"). Whether the
signature is good is for `authentication` to say.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from botocore.model import OperationModel

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Call, HttpRequest
from infrastructure.embedded.gateway.checks import validation
from infrastructure.embedded.gateway.checks.fitness import fits
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.routing import Router
from infrastructure.embedded.gateway.signing import sigv4

_TAG = re.compile(r"(^|\.)Tags?(\.[A-Za-z]+)?\.\d+\.Key$")
"""How query protocols name the key of a tag."""
_VALUES = frozenset({"Value", "value"})


def call_of(request: HttpRequest, router: Router, *, at: float, caller: str | None = None) -> Call:
    """The call in a request. Where no signature that can be read says which API it is for, its shape does.

    Its members are not read yet, but for the labels of a REST path, which name the operation: that is `read`'s.
    """
    try:
        claim = request.claim
    except (sigv4.Malformed, sigv4.OtherVersion):
        claim = None
    if claim is not None:
        scope, api = claim.scope, router.find(claim.scope.service, request)
    else:
        api = _shaped_like(request, router)
        scope = sigv4.Scope(day="", region="", service=api.name if api is not None else "")
    labels: dict[str, str] = {}
    target = request.headers.get("x-amz-target")
    if target is not None and (api is None or not api.protocol.startswith("rest")):
        action, protocol = target.rpartition(".")[2], "json"
    elif (api is None or not api.protocol.startswith("rest")) and (request.is_form or "Action=" in request.query):
        action = request.form.get("Action", "")
        protocol = "ec2" if api is not None and api.protocol == "ec2" else "query"
    else:
        action = f"{request.method} {request.path}"
        protocol = api.protocol if api is not None else codec.rest_protocol(scope.service)
        found = codec.route(api.model_name, request) if api is not None and api.protocol.startswith("rest") else None
        if found is not None:
            action, labels = found[0].name, found[1]
    operation = codec.operation(api.model_name, action) if api is not None else None
    return Call(
        service=scope.service,
        action=action,
        region=scope.region,
        caller=caller or (claim.access_key if claim is not None else ""),
        parameters={**labels},
        request=request,
        protocol=protocol,
        api=api,
        operation=operation,
        at=at,
    )


def read(call: Call, api: Api, of: OperationModel) -> Call:
    """The call with its members, which are what the operation takes; `Refused` says what is not."""
    request = call.request if codec.is_stream(of.input_shape) else _decompressed(call.request, api.body_limit)
    given = _members(call, of, request)
    if call.protocol in ("query", "ec2"):
        validation.check_form(api, of, request.form)
    elif call.protocol.startswith("rest"):
        validation.check_head(api, of, request)
    if call.protocol == "rest-xml":
        validation.check_xml(of, request.body)
    checked = given
    if of.name in api.unchecked:
        checked = {name: value for name, value in given.items() if name != api.unchecked[of.name]}
    if of.input_shape is not None and not fits(of.input_shape)(checked):
        validation.refuse(api, of.input_shape, checked)
    valued = _with_values(call, request, given)
    if valued is not None:
        request, given = valued, _members(call, of, valued)
    return call.read(given, request)


def _members(call: Call, of: OperationModel, request: HttpRequest) -> dict[str, Any]:
    """As they came in a JSON body, with the types of the model anywhere else."""
    if call.protocol == "json":
        return codec.json_members(request.body)
    if call.protocol == "rest-json" and not codec.is_stream(of.input_shape):
        head = codec.members(call.protocol, of, replace(request, body=b""), call.parameters)
        return codec.json_members(request.body) | head
    return codec.members(call.protocol, of, request, call.parameters)


def _with_values(call: Call, request: HttpRequest, given: Mapping[str, Any]) -> HttpRequest | None:
    """The request with an empty value for each tag that has none, as AWS keeps it; None when there is no such tag.

    Deletions are left alone: EC2's DeleteTags deletes a tag without a value whatever its value is.
    """
    if call.protocol == "json":
        tags = given.get("Tags") or given.get("tags")
        lacking = [tag for tag in tags if type(tag) is dict and not tag.keys() & _VALUES] if type(tags) is list else ()
        for tag in lacking:
            tag["Value" if "Key" in tag else "value"] = ""
        return replace(request, body=orjson.dumps(given)) if lacking else None
    if not request.is_form or call.action.startswith("Delete"):
        return None
    values = [f"{name[:-3]}Value" for name in request.form if name.endswith(".Key") and _TAG.search(name)]
    added = "".join(f"&{name}=" for name in values if name not in request.form)
    return replace(request, body=request.body + added.encode()) if added else None


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


def _shaped_like(request: HttpRequest, router: Router) -> Api | None:
    """The API that a request without a signature is meant for, as its answer should be in that API's words.

    S3 is what is left: anonymous requests are usual there, and its paths are anybody's.
    """
    if request.is_upload:
        return router.named(sigv4.S3)
    target, version = request.headers.get("x-amz-target"), request.form.get("Version")
    if target is not None:
        return next((api for api in router.apis if api.target and target.startswith(f"{api.target}.")), None)
    if "Action" in request.form:
        forms = (api for api in router.apis if api.protocol in ("query", "ec2"))
        return next((api for api in forms if codec.model(api.model_name).api_version == version), None)
    rest = (api for api in router.apis if api.protocol == "rest-json")
    found = (api for api in rest if codec.route(api.model_name, request) is not None)
    return next(found, None) or router.named(sigv4.S3)
