"""Errors as the wire shows them: RFC 9457 problem documents, with the correlation id and every single complaint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.web import correlation

MEDIA_TYPE = "application/problem+json"
MAX_COMPLAINTS = 20
"""More than this many complaints about one request help nobody and make the answer larger than the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing wrong with a request: `pointer` (RFC 6901) says where in the body, `detail` what is allowed there."""

    pointer: str
    detail: str


class HttpProblem(Exception):
    """An answer that is not a success. `slug` names the kind; it becomes the document's `type`, a `tag:` URI."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        complaints: Sequence[Complaint] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.complaints = tuple(complaints)
        self.headers = dict(headers or {})

    def body(self, instance: str) -> bytes:
        """The document; `instance` is the path that was asked for."""
        document: dict[str, object] = {
            "type": f"tag:cloudcafe.example,2026:problem:{self.slug}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "correlation_id": correlation.current(),
        }
        if self.complaints:
            document["errors"] = [{"pointer": c.pointer, "detail": c.detail} for c in self.complaints[:MAX_COMPLAINTS]]
        return orjson.dumps(document)

    def response(self, instance: str) -> Response:
        return Response(self.body(instance), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def unavailable(detail: str, *, retry_after_s: int) -> HttpProblem:
    """503 with the time after which trying again makes sense (RFC 9110, Retry-After)."""
    return HttpProblem(503, "unavailable", detail, headers={"Retry-After": str(retry_after_s)})


async def answer_problem(request: Request, problem: Exception) -> Response:
    """Starlette's handler for `HttpProblem`."""
    if not isinstance(problem, HttpProblem):
        raise TypeError(f"{type(problem).__name__} is no Problem") from problem
    return problem.response(request.url.path)
