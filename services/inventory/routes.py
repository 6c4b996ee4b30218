"""The inventory service over HTTP. Bodies are read here and not by the framework, which would parse them twice."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.web.api import json_response
from services.chassis.web.operators import Operators
from services.chassis.web.problems import Complaint, HttpProblem, unavailable
from services.inventory.desk import Desk
from services.inventory.domain import has_store
from services.inventory.store import Conflict, OutOfStock, Released
from services.inventory.wire import (
    KEY,
    ReleaseRequest,
    ReserveRequest,
    RestockRequest,
    TakeRequest,
    read_release,
    read_reserve,
    read_restock,
    read_take,
    shown_hold,
)

ROUTE: Final = "/api/inventory"
_JSON: Final = re.compile(r"\s*application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_KEY_HEADER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": KEY},
    "description": "A delivery counts once under its key.",
}


def add_routes(app: FastAPI, desk: Desk, operators: Operators) -> None:
    """Add the inventory endpoints to `app`."""
    _add_levels(app, desk)
    _add_orders(app, desk)
    _add_restock(app, desk, operators)


def _add_levels(app: FastAPI, desk: Desk) -> None:
    @app.get(f"{ROUTE}/store/{{store_id}}", tags=["stock"], summary="What a store has: pieces to sell, pieces promised")
    async def levels(store_id: Annotated[str, Path(max_length=64)]) -> Response:
        if not has_store(store_id):
            raise HttpProblem(404, "no-such-store", "there is no such store")
        with _as_problems():
            return Response(await desk.levels(store_id), media_type="application/json")


def _add_orders(app: FastAPI, desk: Desk) -> None:
    @app.post(
        f"{ROUTE}/reserve",
        status_code=201,
        tags=["orders"],
        summary="Hold stock for an order, all its items or none; 200 for one that is held already",
        openapi_extra=_body(ReserveRequest),
    )
    async def reserve(request: Request) -> Response:
        demand, hold_s = read_reserve(await _json(request))
        with _as_problems():
            hold = await desk.reserve(demand, hold_s)
        return json_response(shown_hold(hold), 201 if hold.is_new else 200)

    @app.post(
        f"{ROUTE}/take",
        tags=["orders"],
        summary="Take the stock of orders for good, held before or not; once each",
        openapi_extra=_body(TakeRequest),
    )
    async def take(request: Request) -> Response:
        demands = read_take(await _json(request))
        with _as_problems():
            outcomes = await desk.take(demands)
        return json_response({"results": [{"order_id": order_id, "status": status} for order_id, status in outcomes]})

    @app.post(
        f"{ROUTE}/release",
        tags=["orders"],
        summary="Give back what an order has, once; it gets nothing any more",
        openapi_extra=_body(ReleaseRequest),
    )
    async def release(request: Request) -> Response:
        order_id = read_release(await _json(request))
        with _as_problems():
            await desk.release(order_id)
        return json_response({"order_id": order_id, "status": "released"})


def _add_restock(app: FastAPI, desk: Desk, operators: Operators) -> None:
    @app.post(
        f"{ROUTE}/restock",
        status_code=201,
        tags=["operators"],
        summary="Book a delivery, once under its key; 200 for one that is booked already",
        openapi_extra={**_body(RestockRequest), "parameters": [_KEY_HEADER]},
    )
    async def restock(request: Request) -> Response:
        await operators.require(request)
        delivery = read_restock(await _json(request), request.headers.get("idempotency-key"))
        with _as_problems():
            is_new = await desk.restock(delivery)
        items = [{"item_id": line.item_id, "quantity": line.quantity} for line in delivery.lines]
        return json_response({"store_id": delivery.store_id, "items": items}, 201 if is_new else 200)


async def _json(request: Request) -> bytes:
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise HttpProblem(415, "not-json", "send application/json", headers={"Accept-Post": "application/json"})
    return await request.body()


def _body(kind: type[BaseModel]) -> dict[str, object]:
    schema = kind.model_json_schema()
    whole = _inlined(schema, schema.get("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole}}}}


def _inlined(part: Any, parts: Mapping[str, Any]) -> Any:
    """A schema with what it refers to in its place: OpenAPI keeps its parts elsewhere than JSON Schema does."""
    if isinstance(part, list):
        return [_inlined(each, parts) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(parts[part["$ref"].rpartition("/")[2]], parts)
    return {name: _inlined(value, parts) for name, value in part.items() if name != "$defs"}


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except OutOfStock as error:
        complaints = [Complaint(pointer="/items", detail=item_id) for item_id in error.items]
        detail = f"the store has too little of {error}"
        raise HttpProblem(409, "out-of-stock", detail, complaints=complaints) from error
    except Released as error:
        raise HttpProblem(409, "released", f"order {error} was released") from error
    except Conflict as error:
        raise HttpProblem(409, "id-in-use", str(error)) from error
    except StoreUnavailable as error:
        raise unavailable("stock cannot be reached; send it again, it is done once", retry_after_s=1) from error
