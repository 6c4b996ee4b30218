"""The menu service over HTTP: reads with validators and freshness (RFC 9110, RFC 9111), changes with preconditions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.web.api import json_response
from services.chassis.web.bodies import complaints_of
from services.chassis.web.operators import Operators
from services.chassis.web.problems import Complaint, HttpProblem, unavailable
from services.menu import preconditions
from services.menu.answers import Rendered, etag_of, shown
from services.menu.copy import Current
from services.menu.desk import IsMeant
from services.menu.domain import (
    ITEM_ID,
    MAX_CENTS,
    MAX_PAGE,
    Item,
    Menu,
    NoSuchItem,
    Offer,
    PreconditionFailed,
)
from services.menu.store import StoreUnavailable

ROUTE: Final = "/api/menu"
MAX_AGE_S: Final = 10
"""How long others may keep an answer without asking again."""
FRESH: Final = f"public, max-age={MAX_AGE_S}, stale-if-error=86400"
STALE: Final = "public, max-age=1, stale-if-error=86400"
"""Of an answer that is out of date itself: whoever keeps it asks again soon."""
AGAIN_S: Final = 2
"""When to try a change again while DocumentDB is away."""

_AWAY: Final[dict[int | str, dict[str, Any]]] = {503: {"description": "DocumentDB is away; Retry-After says when"}}
_READ: Final = {304: {"description": "What If-None-Match names is what there is"}} | _AWAY
_NO_ITEM: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "The menu has no such item"}}
_CHANGED: Final = {412: {"description": "The item is not the one that If-Match names"}} | _AWAY

ItemId = Annotated[str, Path(pattern=ITEM_ID)]


class Menus(Protocol):
    """The menu, to be read. `StoreUnavailable` when there is none."""

    async def current(self) -> Current: ...


class Changes(Protocol):
    """The menu, to be changed. `NoSuchItem`, `PreconditionFailed`, `StoreUnavailable`."""

    async def put(self, item_id: str, wanted: Offer, is_meant: IsMeant) -> Menu: ...


class OfferRequest(BaseModel):
    """All of an item. What was got may be put: its `item_id` must be the path's, then."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    item_id: str | None = None
    name: str = Field(min_length=1, max_length=120, examples=["Pumpkin Spice Latte, grande"])
    category: str = Field(pattern=r"^[a-z][a-z-]{0,39}$", examples=["seasonal"])
    price_cents: int = Field(ge=1, le=MAX_CENTS, examples=[545])

    def offer(self) -> Offer:
        return Offer(name=self.name, category=self.category, price_cents=self.price_cents)


def add_routes(app: FastAPI, menus: Menus, changes: Changes, operators: Operators, stale: Callable[[], None]) -> None:
    """Add the menu's endpoints to `app`; `stale` is called for each answer that may be out of date."""
    _add_reads(app, menus, stale)
    _add_changes(app, changes, operators)


def _add_reads(app: FastAPI, menus: Menus, stale: Callable[[], None]) -> None:
    def answer(request: Request, current: Current, rendered: Rendered) -> Response:
        if current.stale_s > 0:
            stale()
        return _conditional(request, rendered, current.stale_s)

    @app.head(f"{ROUTE}/items", include_in_schema=False)
    @app.get(f"{ROUTE}/items", tags=["menu"], summary="The menu, a page at a time, by item id", responses=_READ)
    async def items(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
        after: Annotated[str, Query(pattern=ITEM_ID, description="The `next` of the page before.")] = "",
    ) -> Response:
        with _as_problems():
            current = await menus.current()
        return answer(request, current, current.answers.page(limit, after))

    @app.head(f"{ROUTE}/items/{{item_id}}", include_in_schema=False)
    @app.get(f"{ROUTE}/items/{{item_id}}", tags=["menu"], summary="One item", responses=_READ | _NO_ITEM)
    async def item(request: Request, item_id: ItemId) -> Response:
        with _as_problems():
            current = await menus.current()
            return answer(request, current, current.answers.item(item_id))


def _add_changes(app: FastAPI, changes: Changes, operators: Operators) -> None:
    schema = {"application/json": {"schema": OfferRequest.model_json_schema()}}

    @app.put(
        f"{ROUTE}/items/{{item_id}}",
        tags=["operators"],
        summary="Replace an item; with If-Match, only the one that was seen",
        responses=_CHANGED | _NO_ITEM,
        openapi_extra={"requestBody": {"required": True, "content": schema}},
    )
    async def put(request: Request, item_id: ItemId) -> Response:
        """The validator is in the body: what was sent is not what is kept, byte by byte (RFC 9110, 9.3.4)."""
        await operators.require(request)
        is_meant = _precondition(request)
        wanted = _read(item_id, request, await request.body())
        with _as_problems():
            menu = await changes.put(item_id, wanted, is_meant)
        found = menu.item(item_id)
        return json_response({**shown(found), "version": menu.version, "etag": etag_of(menu, found)})


def _conditional(request: Request, rendered: Rendered, stale_s: float) -> Response:
    """200, or 304 for who has it already (RFC 9110, 15.4.5: with the fields that the 200 would have)."""
    headers = {"etag": rendered.etag, "cache-control": STALE if stale_s > 0 else FRESH}
    if stale_s > 0:
        age = "" if stale_s == float("inf") else f"; ttl=-{int(stale_s) + 1}"
        headers["cache-status"] = f"menu; hit{age}; detail=stale"  # RFC 9211: a negative time to live is staleness
    seen = _field(request, "if-none-match")
    if seen is not None and preconditions.is_known(seen, rendered.etag):
        return Response(status_code=304, headers=headers)
    return Response(rendered.body, headers=headers, media_type="application/json")


def _field(request: Request, name: str) -> str | None:
    """A list field, whose lines together are one list (RFC 9110, 5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def _precondition(request: Request) -> IsMeant:
    """What `If-Match` and `If-None-Match` ask of the item, evaluated in that order; 400 for what cannot be read."""
    match, none_match = _field(request, "if-match"), _field(request, "if-none-match")
    for name, field in (("If-Match", match), ("If-None-Match", none_match)):
        if field is not None:
            try:
                preconditions.tags(field)
            except preconditions.MalformedTags as wrong:
                raise HttpProblem(400, "malformed-precondition", f"{name} {wrong}") from wrong

    def is_meant(menu: Menu, item: Item) -> bool:
        etag = etag_of(menu, item)
        if match is not None:
            return preconditions.is_meant(match, etag)
        return none_match is None or not preconditions.is_known(none_match, etag)

    return is_meant


def _read(item_id: str, request: Request, body: bytes) -> Offer:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HttpProblem(415, "media-type", "send application/json", headers={"Accept": "application/json"})
    if "content-range" in request.headers:
        raise HttpProblem(400, "partial", "an item is replaced as a whole: no Content-Range")
    try:
        asked = OfferRequest.model_validate_json(body)
    except ValidationError as wrong:
        raise HttpProblem(422, "invalid", "the item is not valid", complaints=complaints_of(wrong)) from None
    if asked.item_id not in (None, item_id):
        complaint = Complaint(pointer="/item_id", detail=f"must be {item_id}, as in the path, or be left out")
        raise HttpProblem(422, "invalid", "the item is not valid", complaints=[complaint])
    return asked.offer()


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except NoSuchItem as error:
        raise HttpProblem(404, "no-such-item", f"the menu has no item {error}") from error
    except PreconditionFailed as error:
        raise HttpProblem(412, "changed", f"{error}; get it, and put it again with its ETag") from error
    except StoreUnavailable as error:
        raise unavailable("DocumentDB does not answer with a menu; send it again", retry_after_s=AGAIN_S) from error
