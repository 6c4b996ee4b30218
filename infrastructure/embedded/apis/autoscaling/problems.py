"""The words that the API refuses with, and its pages."""

from collections.abc import Sequence
from typing import Any

from infrastructure.embedded.gateway.operations import Members
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

MOST_LISTED = 100


def invalid(text: str) -> Refused:
    """What the API says of any member that is wrong."""
    return Refused("ValidationError", text)


def listed(found: Sequence[Any], given: Members) -> tuple[Sequence[Any], str | None]:
    """A page of what was found, and the token of the next one."""
    try:
        return page(found, given.get("NextToken"), int(given.get("MaxRecords", MOST_LISTED)))
    except ValueError as wrong:
        raise Refused("InvalidNextToken", str(wrong)) from wrong
