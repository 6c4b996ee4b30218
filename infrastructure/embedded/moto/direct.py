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
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import unescape

from botocore.exceptions import ClientError
from botocore.model import OperationNotFoundError
from werkzeug.exceptions import HTTPException

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.errors import error, not_provided, status_of
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.moto import imports, mistakes

_LOG = logging.getLogger(__name__)
_DROPPED = frozenset({"status", "server", "date", "content-length"})
"""Headers moto adds that are its own notes or the server's business."""
READ = "cloudcafe.call"
"""Where in the WSGI environment the call is of which moto need not read the members again."""


def answer(api: Api, call: Call) -> Answer:
    """moto's answer to `call`; raises what moto raises."""
    handler = imports.handler(api.moto, api.handler)
    environ = environ_of(call)
    if call.protocol == "json":
        environ[READ] = call
    return corrected(call, plain(*handler.dispatch(_moto("core.request", "Request")(environ), _url(call))))


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
        handler.uri, handler.path, handler.method = "http://localhost/", "/", "POST"
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
        unknown = mistakes.unknown_filter(call, failure)
        if unknown is not None:
            return failed(call, unknown)
        _LOG.info("refused %s:%s: %s", call.service, call.action, failure)
        return not_provided(call)
    if isinstance(failure, ClientError):
        fault = failure.response["Error"]
        return error(call, fault["Code"], fault["Message"])
    if isinstance(failure, _moto("core.exceptions", "ServiceException")):
        code = _code(call, failure.code)
        return error(call, code, failure.message, status=status_of(call.operation, code))
    if isinstance(failure, HTTPException):
        return corrected(call, plain(failure.code or 400, dict(failure.get_headers() or ()), failure.get_body()))
    if isinstance(failure, _moto("core.parse", "RequestParserError")):
        return error(call, "SerializationException", str(failure))
    mistake = mistakes.explained(call, failure)
    if mistake is not None:
        _LOG.info("%s:%s refused as %s, for moto failed", call.service, call.action, mistake, exc_info=failure)
        return failed(call, mistake)
    _LOG.error("no answer to %s:%s", call.service, call.action, exc_info=failure)
    return error(call, "InternalFailure", f"the embedded cloud failed in {call.service}:{call.action}", status=500)


def corrected(call: Call, answer: Answer) -> Answer:
    """moto's answer, unless it is an error of another protocol, without a text, or with a code of another API."""
    if answer.status < 400 or not answer.body:
        return answer
    is_json = answer.body.startswith(b"{")
    code, message = _said_in_json(answer.body) if is_json else _said_in_xml(answer.body)
    wanted = _code(call, code)
    if not code or (wanted == code and message and is_json == ("json" in call.protocol)):
        return answer
    status = answer.status if wanted == code else status_of(call.operation, wanted)
    return error(call, wanted, message, status=status)


def _said_in_json(body: bytes) -> tuple[str, str]:
    said = json.loads(body)
    return str(said.get("__type", "")).rpartition("#")[2], str(said.get("message") or said.get("Message") or "")


def _said_in_xml(body: bytes) -> tuple[str, str]:
    found = [re.search(rf"<{name}>(.*?)</{name}>".encode(), body, re.DOTALL) for name in ("Code", "Message")]
    code, message = (unescape(match[1].decode()) if match else "" for match in found)
    return code, message


def _code(call: Call, code: str) -> str:
    """AWS's code for one of moto's."""
    codes = call.api.codes if call.api is not None else {}
    return codes.get(f"{call.action}:{code}") or codes.get(code, code)


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
