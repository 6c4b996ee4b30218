"""One page of a list, and the token to go on from; a token is the place in the list, and says nothing to callers."""

from collections.abc import Sequence
from typing import Any


def page(found: Sequence[Any], token: str | None, most: int) -> tuple[Sequence[Any], str | None]:
    """At most `most` items from where `token` says, and the next token, None after the last page.

    `ValueError` for a token that is none of ours.
    """
    start = int(token or 0)
    if start < 0:
        raise ValueError(f"a page begins at {start}")
    end = start + most
    return found[start:end], str(end) if end < len(found) else None
