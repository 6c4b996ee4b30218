"""What things cost, as the order service knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson


class UnknownStore(Exception):
    """There is no such store. The text is its id."""


class PricesUnknown(Exception):
    """Nobody says what things cost, and nobody has said it before. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Cents per item id, as menu had them at `read_at` (Unix seconds). `etag` is menu's own mark of this version."""

    prices: Mapping[str, int]
    etag: str
    read_at: float

    def packed(self) -> bytes:
        """As the cache keeps it."""
        return orjson.dumps({"prices": self.prices, "etag": self.etag, "read_at": self.read_at})

    @classmethod
    def unpack(cls, cached: bytes | None) -> "PriceList | None":
        """None for what is no price list: somebody else wrote it, and it must not cost the store an hour of orders."""
        try:
            fields = orjson.loads(cached or b"null")
            prices, etag, read_at = fields["prices"], fields["etag"], float(fields["read_at"])
        except (TypeError, KeyError, ValueError):
            return None
        is_list = isinstance(prices, dict) and prices and all(isinstance(cents, int) for cents in prices.values())
        return cls(prices=prices, etag=etag, read_at=read_at) if is_list and isinstance(etag, str) else None


class PriceSource(Protocol):
    """Who says what things cost."""

    async def read(self, known: PriceList | None = None) -> PriceList:
        """The list as it is now; that of `known`, read again, when nothing has changed. `PeerAway`."""
        ...


class Prices(Protocol):
    """What things cost."""

    async def at(self, store_id: str, *, at_most_s: float) -> Mapping[str, int]:
        """Cents per item id on the menu of a store, looked up no longer than `at_most_s` ago where that can be had.

        `UnknownStore`, `PricesUnknown`.
        """
        ...

    async def warm_up(self) -> None:
        """Have a list before the first order comes; returns once there is one, however long menu is away."""
        ...
