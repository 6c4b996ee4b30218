"""What texts in requests have to look like: patterns of botocore's models, base64, points in time."""

import base64
import re
from datetime import datetime
from functools import cache
from typing import Any


@cache
def pattern(text: str | None) -> Any:
    """A pattern of the models, which are Java's: `\\p{L}` is more than `re` knows, surrogates less than Python has.

    AWS holds the whole value against it. None for no pattern.
    """
    if not text:
        return None
    adapted = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff")
    whole = f"^(?:{adapted})$" if not adapted.startswith("^") or not adapted.endswith("$") else adapted
    try:
        return re.compile(whole.removesuffix("$") + r"\Z")
    except re.error:
        import regex  # 20 ms, for few APIs

        return regex.compile(whole.removesuffix("$") + r"\Z")


def is_base64(text: str) -> bool:
    """Whether `text` is what a blob is in JSON."""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def is_moment(value: object) -> bool:
    """Whether `value` is a point in time by ISO 8601."""
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
