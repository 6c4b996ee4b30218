"""The order service over HTTP."""

import re
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.web.api import json_response
from services.chassis.web.problems import HttpProblem
from services.order.desk import OrderDesk
from services.order.identity import PATTERN
from services.order.wire import IDEMPOTENCY_KEY, OrderAccepted, OrderRequest, OrderView, read_order

ROUTE: Final = "/api/orders"
KEY_HEADER: Final = "idempotency-key"

_KEY: Final = re.compile(IDEMPOTENCY_KEY)
_ORDER_ID: Final = re.compile(PATTERN)
_JSON: Final = re.compile(r"\s*application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_PROBLEM = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}


def add_routes(app: FastAPI, desk: OrderDesk) -> None:
    """Add the order endpoints to `app`. The body is read here and not by the framework, which would parse it twice."""

    @app.post(
        ROUTE,
        status_code=201,
        tags=["orders"],
        summary="Place an order",
        responses={
            201: {"model": OrderAccepted},
            **{code: _described(code) for code in (400, 409, 413, 415, 422, 503)},
        },
        openapi_extra=_PLACE,
    )
    async def place(request: Request) -> Response:
        key = _key(request)
        _check_content_type(request)
        placed = await desk.place(read_order(await request.body()), key)
        headers = {"Location": f"{ROUTE}/{placed.order_id}"}
        if placed.is_replay:
            headers["Idempotent-Replayed"] = "true"
        return json_response({"order_id": placed.order_id, "status": "accepted"}, 201, headers=headers)

    @app.get(
        f"{ROUTE}/{{order_id}}",
        tags=["orders"],
        summary="Look up an order",
        responses={200: {"model": OrderView}, 404: _described(404), 503: _described(503)},
    )
    async def find(order_id: str) -> Response:
        if not _ORDER_ID.fullmatch(order_id):
            raise HttpProblem(404, "no-such-order", "there is no such order")
        return Response(await desk.find(order_id), media_type="application/json")


def _key(request: Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise HttpProblem(400, "bad-key", "an Idempotency-Key has 1 to 128 letters, digits and . _ : -")
    return key


def _check_content_type(request: Request) -> None:
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise HttpProblem(415, "not-json", "an order is application/json", headers={"Accept-Post": "application/json"})


def _order_schema() -> dict[str, object]:
    """The request's schema; that of its lines is among the components already, with the answer's."""
    schema = OrderRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    return {name: value for name, value in schema.items() if name != "$defs"}


def _described(status: int) -> dict[str, object]:
    return {"description": _WHEN[status], **_PROBLEM}


_WHEN: Final = {
    400: "Not JSON, or an unusable key",
    404: "No such order",
    409: "The key was used for another order, or the store is out of stock",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "Not an order, or one that breaks the rules",
    503: "Try again after Retry-After, with the same key",
}
_PLACE: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _order_schema()}}},
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY},
            "description": "The same key with the same order gives the same answer, and one order.",
        }
    ],
}
