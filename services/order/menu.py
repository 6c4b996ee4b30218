"""The menu service as order knows it: the whole list of prices, page by page, or word that it is as it was."""

import time
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.chassis.http.exchange import HttpResponse
from services.chassis.http.peer import Peer, PeerAway
from services.order.price_list import PriceList

NAME: Final = "menu"
ITEMS: Final = "/api/menu/items"
PAGE: Final = 100
PAGES: Final = 50
"""More than a menu has; without it a cursor that leads in circles would never end."""
READ_S: Final = 0.25
"""For one page. A list that is known already can be used meanwhile, so nobody waits for longer."""
TRIES: Final = 3


class _Item(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    item_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    price_cents: Annotated[int, Field(gt=0, le=100_000)]


class _Page(BaseModel):
    """One page of the menu, as far as prices go; checked, since no store may price somebody's mistake."""

    model_config = ConfigDict(strict=True, extra="ignore")

    items: list[_Item]
    next: str | None
    version: int


class Menu:
    """Reads the menu. Its pages belong together when they are of one version; else it is read again from the first."""

    def __init__(self, peer: Peer, *, clock: Callable[[], float] = time.time) -> None:
        self._peer = peer
        self._clock = clock

    async def read(self, known: PriceList | None = None) -> PriceList:
        """The list as it is now. `PeerAway`, also for what is no menu.

        While nothing has changed since `known`, menu says so in a few bytes (RFC 9110, 13.1.2).
        """
        for _ in range(TRIES):
            at = self._clock()
            first = await self._ask("", known)
            if first.status == 304 and known is not None:
                return PriceList(prices=known.prices, etag=known.etag, read_at=at)
            if (prices := await self._all(_checked(first))) is not None:
                return PriceList(prices=prices, etag=first.headers.get("etag", ""), read_at=at)
        raise PeerAway(f"the menu changed {TRIES} times while it was read")

    async def _all(self, page: _Page) -> dict[str, int] | None:
        """The prices on this page and all that follow; None when the menu changes in between."""
        version, prices = page.version, {item.item_id: item.price_cents for item in page.items}
        for _ in range(PAGES):
            if page.next is None:
                return prices
            page = _checked(await self._ask(f"&after={quote(page.next, safe='')}", None))
            if page.version != version:
                return None
            prices |= {item.item_id: item.price_cents for item in page.items}
        raise PeerAway(f"the menu does not end within {PAGES} pages")

    async def _ask(self, cursor: str, known: PriceList | None) -> HttpResponse:
        condition = f"if-none-match: {known.etag}\r\n" if known is not None and known.etag else ""
        answers = (200, 304) if condition else (200,)
        path = f"{ITEMS}?limit={PAGE}{cursor}"
        return await self._peer.ask("GET", path, answers=answers, within_s=READ_S, headers=condition)


def _checked(response: HttpResponse) -> _Page:
    try:
        return _Page.model_validate_json(response.body)
    except ValidationError as wrong:
        raise PeerAway(f"menu answers with what is no menu: {wrong.errors(include_url=False)[0]['msg']}") from wrong
