"""The long way into moto, for REST protocols (S3), whose operation only moto's own WSGI application can tell.

Flask is imported with the first such call: nothing the platform itself does needs it.
"""

import io
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import unquote

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call
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


@cache
def _application() -> Any:
    from moto.moto_server.werkzeug_app import (  # imports Flask, 0.2 CPU-seconds
        DomainDispatcherApplication,
        create_backend_app,
    )

    return DomainDispatcherApplication(create_backend_app)
