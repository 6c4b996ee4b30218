"""One page of a list, and the token to go on from; a token is the place in the list, and says nothing to callers."""

from collections.abc import Sequence
from typing import Any


def page(found: Sequence[Any], token: str | None, most: int) -> tuple[Sequence[Any], str | None]:
    """At most `most` items from where `token` says, None for the first; and the next token, None after the last page.

    `ValueError` for a token that is none of ours.
    """
    if token is not None and not token.isdecimal():
        raise ValueError(f"no page begins at {token!r}")
    start = int(token or 0)
    end = start + most
    return found[start:end], str(end) if end < len(found) else None
