"""Several steps of which one that fails keeps no other from being taken: what to raise in the end."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence


def raise_all(what: str, failures: Sequence[Exception]) -> None:
    """Raise the only one of `failures` as it is, or several as a group under the name `what`; nothing when empty."""
    if failures:
        raise ExceptionGroup(what, failures) if len(failures) > 1 else failures[0]


async def all_of(what: str, works: Iterable[Awaitable[object]]) -> None:
    """Wait for every one of them, side by side, then raise what failed: none goes on unwatched."""
    results = await asyncio.gather(*works, return_exceptions=True)
    raise_all(what, [result for result in results if isinstance(result, Exception)])
