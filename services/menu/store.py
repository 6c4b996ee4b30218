"""The menu in DocumentDB: one document, whose version and items change at one stroke.

A document an item would need a transaction for each change, and could still be read between two of them: the version
would then stand for more than one menu. All items together are some ten kilobytes.

A change names the revision that it replaces, so one that is made twice (its first answer was lost) counts once.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import pymongo
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from services.assortment import ITEMS
from services.chassis.aws.errors import AwsError
from services.chassis.environment import ConfigurationError
from services.chassis.postgres.connection import Login
from services.chassis.resilience import deadline
from services.chassis.web.health import Dependencies
from services.menu.domain import Menu, Offer, UnreadableMenu, read_menu, seeded, written, written_item

if TYPE_CHECKING:
    from pymongo.asynchronous.collection import AsyncCollection

NAME: Final = "documentdb"
DATABASE: Final = "menu"
COLLECTION: Final = "menus"
THE_MENU: Final = "chain"
"""Id of the one document."""
CONNECTIONS: Final = 16
_LOGIN_REFUSED: Final = (11, 18)
"""UserNotFound, AuthenticationFailed: the password was rotated, and is to be read anew."""

Document = dict[str, Any]
"""As pymongo has it: what it holds is checked by `read_menu`."""


class StoreUnavailable(Exception):
    """The database did not answer in time, or not with a menu."""


class Store(Protocol):
    """Where the menu is kept."""

    async def read(self) -> Menu:
        """The menu as it is now; `StoreUnavailable`."""
        ...

    async def replace(self, item_id: str, offer: Offer, revision: int) -> Menu | None:
        """Make `offer` the one of an item that is at `revision`; the menu after it.

        None if the item is at another revision by now. `StoreUnavailable`: it may have been done or not.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that one operation may take, the search for a new primary included, and whether the driver retries."""

    operation_s: float | None = 2.0
    connect_s: float | None = 1.0
    is_retrying: bool = True

    def bounded(self) -> AbstractContextManager[object]:
        """A block whose operations end in time."""
        if self.operation_s is None:
            return nullcontext()
        return pymongo.timeout(max(min(self.operation_s, deadline.remaining()), 0.05))

    def options(self) -> dict[str, Any]:
        """Those of the client; the driver's own defaults where nothing is said. 0 is no time-out."""
        connect_ms = 0 if self.connect_s is None else int(self.connect_s * 1000)
        return {"connectTimeoutMS": connect_ms, **({} if self.is_retrying else _ONCE)}


_ONCE: Final = {"retryWrites": False, "retryReads": False}
NO_PATIENCE: Final = Patience(operation_s=None, connect_s=None, is_retrying=False)
"""No time-out and no second try. Only to prove that the chaos suites notice."""


class DocumentStore:
    """`Store` in DocumentDB. The first one to find no menu makes it, out of the assortment."""

    def __init__(
        self,
        url: str,
        login: Callable[[], Awaitable[Login]],
        dependencies: Dependencies,
        patience: Patience = Patience(),
    ) -> None:
        self._url = url
        self._login = login
        self._dependencies = dependencies
        self._patience = patience
        self._client: AsyncMongoClient[Document] | None = None
        self._connecting = asyncio.Lock()

    async def read(self) -> Menu:
        async with self._asked() as menus:
            found = await menus.find_one({"_id": THE_MENU})
            if found is None:
                await self._seed(menus)
                found = await menus.find_one({"_id": THE_MENU})
            return _menu(found)

    async def replace(self, item_id: str, offer: Offer, revision: int) -> Menu | None:
        async with self._asked() as menus:
            found = await menus.find_one_and_update(
                {"_id": THE_MENU, f"items.{item_id}.revision": revision},
                {"$set": {f"items.{item_id}": written_item(offer, revision + 1)}, "$inc": {"version": 1}},
                return_document=ReturnDocument.AFTER,
            )
            return None if found is None else _menu(found)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @staticmethod
    async def _seed(menus: "AsyncCollection[Document]") -> None:
        """Several at once make it once: of two that insert one id, one is told that it is taken."""
        offers = ((i.item_id, Offer(name=i.name, category=i.category, price_cents=i.price_cents)) for i in ITEMS)
        document = written(seeded(offers, born=secrets.token_hex(4)))
        try:
            await menus.update_one({"_id": THE_MENU}, {"$setOnInsert": document}, upsert=True)
        except DuplicateKeyError:
            return

    @asynccontextmanager
    async def _asked(self) -> "AsyncIterator[AsyncCollection[Document]]":
        """A block that asks the database; `StoreUnavailable` for whatever goes wrong in it."""
        client = None
        try:
            client = await self._connected()
            with self._patience.bounded():
                yield client[DATABASE][COLLECTION]
        except (PyMongoError, AwsError, ConfigurationError, UnreadableMenu, OSError) as error:
            is_refused = isinstance(error, OperationFailure) and error.code in _LOGIN_REFUSED
            if is_refused and client is self._client:  # somebody else may have come with the new password meanwhile
                await self.close()
            self._dependencies.failed(NAME, type(error).__name__)
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        self._dependencies.succeeded(NAME)

    async def _connected(self) -> "AsyncMongoClient[Document]":
        async with self._connecting:
            if self._client is None:
                login = await self._login()
                self._client = AsyncMongoClient(
                    self._url,
                    username=login.user,
                    password=login.password,
                    appname="menu",
                    maxPoolSize=CONNECTIONS,
                    **self._patience.options(),
                )
            return self._client


def _menu(found: Document | None) -> Menu:
    if found is None:
        raise UnreadableMenu(f"{DATABASE}.{COLLECTION} has no document {THE_MENU!r}")
    return read_menu(found)
