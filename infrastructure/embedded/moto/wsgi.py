"""The long way into moto, for REST protocols (S3), whose operation only moto's own WSGI application can tell.

Flask is imported with the first such call: nothing the platform itself does needs it.
"""

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import unquote, urlencode

from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call, HttpRequest
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.moto import imports
from infrastructure.embedded.moto.direct import environ_of, plain


def answer(api: Api, call: Call) -> Answer:
    """What moto's WSGI application answers to `call`, run inline on the event loop."""
    imports.models(api.moto)
    seen: list[tuple[int, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _failure: object = None) -> None:
        seen.append((int(status.split()[0]), dict(headers)))

    environ = environ_of(call) | {
        "PATH_INFO": unquote(call.request.path, "latin-1"),
        "wsgi.version": (1, 0),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    body = b"".join(_application()(environ, start_response))
    found = plain(*seen[-1], body)
    length = {name.lower(): value for name, value in seen[-1][1].items()}.get("content-length")
    if call.request.method != "HEAD" or length is None:
        return found
    return replace(found, headers={**found.headers, "content-length": length})  # of the body that HEAD leaves out


def call(api: Api, name: str, members: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """The output of the operation, from inside the daemon. Raises `Refused` with what it is refused with."""
    of = codec.model(api.model_name).operation_model(name)
    written = create_serializer(api.protocol, include_validation=False).serialize_to_request(dict(members), of)
    path, _, fixed = written["url_path"].partition("?")
    scope = f"cloudformation/20260101/{region}/{api.name}/aws4_request"
    request = HttpRequest(
        method=written["method"],
        path=path,
        query="&".join(part for part in (fixed, urlencode(written["query_string"])) if part),
        headers={
            **{key.lower(): str(value) for key, value in written["headers"].items()},
            "host": f"{api.name}.{region}.amazonaws.com",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        },
        body=written["body"] if isinstance(written["body"], bytes) else str(written["body"] or "").encode(),
    )
    found = answer(
        api,
        Call(
            service=api.name,
            action=name,
            region=region,
            caller="cloudformation",
            parameters=dict(members),
            request=request,
            protocol=api.protocol,
        ),
    )
    document = {"status_code": found.status, "headers": found.headers, "body": found.body}
    output: Mapping[str, Any] = create_parser(api.protocol).parse(document, of.output_shape)
    if not found.is_success:
        raise Refused(output["Error"]["Code"], output["Error"]["Message"], status=found.status)
    return output


@cache
def _application() -> Any:
    from moto.moto_server.werkzeug_app import (  # imports Flask, 0.2 CPU-seconds
        DomainDispatcherApplication,
        create_backend_app,
    )

    return DomainDispatcherApplication(create_backend_app)
