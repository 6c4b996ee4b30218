"""The short way into moto: its response class is called directly, with no Flask and no matching of host names.

moto's own WSGI application spends two thirds of a DynamoDB put on finding the service and building Flask's request
context. Every API that lives at `/` (JSON, query and EC2 protocols) is one class, so its signing name is all it takes.
"""

import importlib
import io
import logging
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import OperationNotFoundError
from werkzeug.exceptions import HTTPException

from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.errors import error, not_provided
from infrastructure.embedded.gateway.providers import Api
from infrastructure.embedded.moto import imports

_LOG = logging.getLogger(__name__)
_DROPPED = frozenset({"status", "server", "date", "content-length"})
"""Headers moto adds that are its own notes or the server's business."""


def answer(api: Api, call: Call) -> Answer:
    """moto's answer to `call`. What moto does not implement is refused; a defect in it becomes an InternalFailure."""
    handler = imports.handler(api.moto, api.handler)
    try:
        status, headers, body = handler.dispatch(_moto("core.request", "Request")(environ_of(call)), _url(call))
    except Exception as failure:  # noqa: BLE001  # whatever moto raises must become an answer of the service's protocol
        return _failed(call, failure)
    return plain(status, headers, body)


def plain(status: int, headers: Any, body: Any) -> Answer:
    """An answer of what a moto response class returned: a status, a mapping, text or bytes."""
    kept = {str(name).lower(): str(value) for name, value in headers.items() if str(name).lower() not in _DROPPED}
    return Answer(status=int(status), headers=kept, body=body.encode() if isinstance(body, str) else bytes(body or b""))


def _failed(call: Call, failure: Exception) -> Answer:
    if isinstance(failure, (NotImplementedError, OperationNotFoundError)):
        _LOG.info("refused %s:%s: %s", call.service, call.action, failure)
        return not_provided(call)
    if isinstance(failure, ClientError):
        fault = failure.response["Error"]
        return error(call, fault["Code"], fault["Message"])
    if isinstance(failure, _moto("core.exceptions", "ServiceException")):
        return error(call, failure.code, failure.message)
    if isinstance(failure, HTTPException):
        return plain(failure.code or 400, dict(failure.get_headers() or ()), failure.get_body())
    if isinstance(failure, _moto("core.parse", "RequestParserError")):
        return error(call, "SerializationException", str(failure))
    _LOG.error("moto failed in %s:%s", call.service, call.action, exc_info=failure)
    return error(call, "InternalFailure", f"the embedded cloud failed in {call.service}:{call.action}", status=500)


@cache
def _moto(module: str, name: str) -> Any:
    """One of moto's classes, imported when it is needed: moto must find its settings in place."""
    return getattr(importlib.import_module(f"moto.{module}"), name)


def _url(call: Call) -> str:
    query = f"?{call.query}" if call.query else ""
    return f"http://{call.headers.get('host', 'localhost')}{call.path}{query}"


def environ_of(call: Call) -> dict[str, object]:
    """The WSGI environment moto's request class wraps; only what its response classes read is filled in."""
    environ: dict[str, object] = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": call.path,
        "RAW_URI": call.path,
        "QUERY_STRING": call.query,
        "CONTENT_TYPE": call.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(call.body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(call.body),
    }
    for name, value in call.headers.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
