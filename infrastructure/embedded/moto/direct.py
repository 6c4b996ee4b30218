"""The short way into moto: its response class is called directly, with no Flask and no matching of host names.

moto's own WSGI application spends two thirds of a DynamoDB put on finding the service and building Flask's request
context. Every API that lives at `/` (JSON, query and EC2 protocols) is one class, so its signing name is all it takes.
Two ways: a call as it came (`answer`), and one from inside the daemon, with members and no wire (`Direct`).
"""

import base64
import importlib
import io
import json
import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import OperationNotFoundError
from werkzeug.exceptions import HTTPException

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.errors import error, not_provided
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.moto import imports

_LOG = logging.getLogger(__name__)
_DROPPED = frozenset({"status", "server", "date", "content-length"})
"""Headers moto adds that are its own notes or the server's business."""


def answer(api: Api, call: Call) -> Answer:
    """moto's answer to `call`; raises what moto raises."""
    handler = imports.handler(api.moto, api.handler)
    return plain(*handler.dispatch(_moto("core.request", "Request")(environ_of(call)), _url(call)))


class Direct:
    """Calls moto's handlers for one account and region, with members as an SDK takes them and no wire between."""

    def __init__(self, account: str, region: str, apis: Mapping[str, Api]) -> None:
        self._account = account
        self._region = region
        self._apis = apis

    def __call__(self, service: str, name: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        """The output of the operation, as moto's handler gives it: a mapping, whose leaves may be moto's objects.

        Raises moto's own refusals; `LookupError` when moto keeps no records of `service`, or has no such operation.
        """
        api = self._apis.get(service)
        if api is not None and api.protocol == "rest-xml":
            wsgi = importlib.import_module("infrastructure.embedded.moto.wsgi")  # which needs this module
            output: Mapping[str, Any] = wsgi.call(api, name, members, self._region)
            return output
        if api is None or not api.handler:
            raise LookupError(f"moto does not answer {service}:{name}; it answers {', '.join(sorted(self._apis))}")
        method = getattr(self._handler(api, members), _underscored(name), None)
        if method is None:
            raise LookupError(f"moto does not implement {service}:{name}")
        result = method()
        found = getattr(result, "result", result)  # an ActionResult, or JSON
        if isinstance(found, tuple):
            found = found[-1] if isinstance(found[-1], str) else found[0]
        parsed = json.loads(found) if isinstance(found, str) and found else found
        return parsed if isinstance(parsed, Mapping) else {}

    def _handler(self, api: Api, members: Mapping[str, Any]) -> Any:
        handler = imports.handler(api.moto, api.handler)()
        handler.region, handler.current_account, handler.partition = self._region, self._account, "aws"
        handler.headers, handler.querystring, handler.data, handler.uri_match = {}, {}, {}, {}
        handler.uri, handler.path, handler.method = f"https://{api.name}.{self._region}.amazonaws.com/", "/", "POST"
        handler.access_key = "cloudformation"
        handler.params = _as_parsed(dict(members), handler.PROTOCOL_PARSER_MAP_TYPE)
        handler.body = dict(members) if api.name == "dynamodb" else json.dumps(members, default=_in_json)
        return handler


def _underscored(name: str) -> str:
    underscored: str = _moto("core.utils", "camelcase_to_underscores")(name)
    return underscored


def _as_parsed(value: Any, mapping: type[Any]) -> Any:
    """`value` with every mapping of the kind that the handler's parser makes: RDS looks members up in two spellings."""
    if isinstance(value, list):
        return [_as_parsed(each, mapping) for each in value]
    if isinstance(value, Mapping):
        return mapping({name: _as_parsed(each, mapping) for name, each in value.items()})
    return value


def _in_json(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def plain(status: int, headers: Any, body: Any) -> Answer:
    """An answer of what a moto response class returned: a status, a mapping, text or bytes."""
    kept = {str(name).lower(): str(value) for name, value in headers.items() if str(name).lower() not in _DROPPED}
    return Answer(status=int(status), headers=kept, body=body.encode() if isinstance(body, str) else bytes(body or b""))


def failed(call: Call, failure: Exception) -> Answer:
    """What went wrong as the caller's error. What moto does not implement is refused; a defect is InternalFailure."""
    if isinstance(failure, Refused):
        return error(call, failure.code, failure.message, status=failure.status, **failure.more)
    if isinstance(failure, (NotImplementedError, OperationNotFoundError)):
        _LOG.info("refused %s:%s: %s", call.service, call.action, failure)
        return not_provided(call)
    if isinstance(failure, ClientError):
        fault = failure.response["Error"]
        return error(call, fault["Code"], fault["Message"])
    if isinstance(failure, _moto("core.exceptions", "ServiceException")):
        return error(call, failure.code, failure.message, status=_status(call, failure.code))
    if isinstance(failure, HTTPException):
        return plain(failure.code or 400, dict(failure.get_headers() or ()), failure.get_body())
    if isinstance(failure, _moto("core.parse", "RequestParserError")):
        return error(call, "SerializationException", str(failure))
    missing = _missing(call, failure)
    if missing is not None:
        return error(call, "ValidationException", f"The request must contain the parameter {missing}.")
    _LOG.error("no answer to %s:%s", call.service, call.action, exc_info=failure)
    return error(call, "InternalFailure", f"the embedded cloud failed in {call.service}:{call.action}", status=500)


def _status(call: Call, code: str) -> int:
    """The HTTP status that the service's model gives an error; 400 where it gives none."""
    shapes = call.operation.error_shapes if call.operation else ()
    faults = [(shape.name, shape.metadata.get("error", {})) for shape in shapes]
    found = (fault.get("httpStatusCode", 400) for name, fault in faults if fault.get("code", name) == code)
    return int(next(found, 400))


def _missing(call: Call, failure: Exception) -> str | None:
    """The member of the request that moto looked for in vain: required, though the service's model does not say so."""
    name = failure.args[0] if isinstance(failure, KeyError) and failure.args else None
    shape = call.operation.input_shape if call.operation else None
    is_member = isinstance(name, str) and shape is not None and name in shape.members and name not in call.parameters
    return name if is_member else None


@cache
def _moto(module: str, name: str) -> Any:
    """One of moto's classes, imported when it is needed: moto must find its settings in place."""
    return getattr(importlib.import_module(f"moto.{module}"), name)


def _url(call: Call) -> str:
    request = call.request
    query = f"?{request.query}" if request.query else ""
    return f"http://{request.headers.get('host', 'localhost')}{request.path}{query}"


def environ_of(call: Call) -> dict[str, object]:
    """The WSGI environment moto's request class wraps; only what its response classes read is filled in."""
    request = call.request
    environ: dict[str, object] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "RAW_URI": request.path,
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
    }
    for name, value in request.headers.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
