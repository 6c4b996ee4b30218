"""Conditional requests as RFC 9110 (13.1, 8.8.3) has them: lists of entity tags, and how they compare. Pure."""

import re
from typing import Final

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST: Final = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH: Final = re.compile(_TAG)


class MalformedTags(ValueError):
    """The field is neither `*` nor a list of entity tags."""


def tags(field: str) -> tuple[str, ...] | None:
    """The entity tags of an `If-Match` or `If-None-Match`; None for `*`. `MalformedTags`."""
    if field.strip() == "*":
        return None
    if not _LIST.fullmatch(field):
        raise MalformedTags('must be * or a list of entity tags like "1f3a-7"')
    return tuple(_EACH.findall(field))


def is_known(field: str, etag: str) -> bool:
    """Whether the client of an `If-None-Match` has this representation already: the weak comparison.

    A field that cannot be read knows nothing: the whole answer is right in any case.
    """
    if field == etag:
        return True
    try:
        known = tags(field)
    except MalformedTags:
        return False
    return known is None or etag in (tag.removeprefix("W/") for tag in known)


def is_meant(field: str, etag: str) -> bool:
    """Whether an `If-Match` means this representation: the strong comparison, so a weak tag never does."""
    meant = tags(field)
    return meant is None or etag in meant
