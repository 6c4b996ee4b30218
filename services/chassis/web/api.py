"""A FastAPI application with what every HTTP surface shares: problem documents, OpenAPI below its route, health."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.web.health import Dependencies
from services.chassis.web.problems import Complaint, HttpProblem, answer_problem
from services.chassis.web.traffic import Traffic

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_SLUGS = {404: "not-found", 405: "method-not-allowed"}


def json_response(
    content: object, status: int = 200, *, headers: dict[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    """`content` as JSON, encoded once by orjson."""
    return Response(orjson.dumps(content), status, headers=headers, media_type=media_type)


def nothing_more() -> Mapping[str, object]:
    """Health has nothing to say besides."""
    return {}


def always_ready() -> str:
    """A service that is ready as soon as it runs."""
    return "ready"


def create(
    *,
    title: str,
    version: str,
    route: str,
    lifespan: Lifespan,
    dependencies: Dependencies,
    traffic: Traffic,
    more: Callable[[], Mapping[str, object]] = nothing_more,
    readiness: Callable[[], str] = always_ready,
) -> FastAPI:
    """An application whose every path lies below `route` (`/api/orders`): the load balancer sends nothing else.

    `more` is what its health says besides, at that moment; a `status` of it stands while the task is not draining.
    `readiness` is how ready it is (`ready`, `degraded`); `HttpProblem` 503 keeps requests away from it.
    """
    app = FastAPI(
        title=title,
        version=version,
        openapi_url=f"{route}/openapi.json",
        docs_url=None,  # the documentation pages load scripts from a foreign host
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.add_exception_handler(HttpProblem, answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(Exception, _answer_unforeseen)
    _add_health(app, route, dependencies, traffic, more, readiness)
    return app


def _add_health(
    app: FastAPI,
    route: str,
    dependencies: Dependencies,
    traffic: Traffic,
    more: Callable[[], Mapping[str, object]],
    readiness: Callable[[], str],
) -> None:
    @app.get(f"{route}/health", tags=["health"], summary="Liveness: 200 as long as the process serves")
    async def health() -> Response:
        status = {"status": "draining"} if traffic.is_draining else {}
        return json_response({"status": "ok", **more(), **status, "dependencies": dependencies.report()})

    @app.get(f"{route}/health/ready", tags=["health"], summary="Readiness: 503 while it cannot serve")
    async def ready() -> Response:
        if traffic.is_draining:
            raise HttpProblem(503, "draining", "this task is about to stop")
        return json_response({"status": readiness()})


async def _answer_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such path, wrong method (with the `Allow` header RFC 9110 asks for)."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"{type(error).__name__} is no HTTPException") from error
    slug = _SLUGS.get(error.status_code, "http")
    return HttpProblem(error.status_code, slug, str(error.detail), headers=error.headers).response(request.url.path)


async def _answer_validation(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"{type(error).__name__} is no RequestValidationError") from error
    complaints = [Complaint(pointer=pointer(e["loc"]), detail=e["msg"]) for e in error.errors()]
    problem = HttpProblem(422, "invalid", "the request is not valid", complaints=complaints)
    return problem.response(request.url.path)


async def _answer_unforeseen(request: Request, _error: Exception) -> Response:
    """The framework raises the error again after this; the gateway logs it."""
    return HttpProblem(500, "internal", "the service made a mistake").response(request.url.path)


def pointer(location: tuple[int | str, ...]) -> str:
    """A pydantic location as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
