"""Answers in JSON, and Status objects."""

from collections.abc import Iterable
from typing import Any

import orjson

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.store.objects import Object

JSON = {"content-type": "application/json", "cache-control": "no-cache, private"}


def answer(document: Any, status: int = 200, warnings: Iterable[str] = (), content: str = "") -> Answer:
    """A document, with what is to be told besides (RFC 7234's Warning header, as the API server has it)."""
    headers = dict(JSON)
    if content:
        headers["content-type"] = content
    told = ", ".join(f'299 - "{_quoted(each)}"' for each in warnings)
    if told:
        headers["warning"] = told
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Answer(status=status, headers=headers, body=body)


def text(told: str, status: int = 200) -> Answer:
    """An answer in words."""
    return Answer(status=status, headers={"content-type": "text/plain; charset=utf-8"}, body=told.encode())


def refused(problem: ApiError) -> Answer:
    """A refusal as a Status; 429 says when to come again, where that is known."""
    made = answer(problem.status, problem.code)
    after = problem.details.get("retryAfterSeconds")
    if after:
        made.headers["retry-after"] = str(after)
    return made


def deleted(kind: Kind, of: Object) -> dict[str, Any]:
    """The Status of a deletion that is done."""
    group = {"group": kind.group} if kind.group else {}
    details = {"name": objects.name(of), **group, "kind": kind.plural, "uid": objects.uid(of)}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _quoted(told: str) -> str:
    return told.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
