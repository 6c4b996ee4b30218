"""The operators' bearer token as Secrets Manager keeps it."""

from typing import Final

import orjson

TRUST_S: Final = 60.0
"""A token that was rotated is refused, and the new one taken, after this long at the latest."""


def read_token(secret: str) -> str:
    """A secret is the token itself, or an object with a member `token`, as Secrets Manager's key/value form has it."""
    try:
        fields = orjson.loads(secret)
    except orjson.JSONDecodeError:
        return secret
    return str(fields.get("token", "")) if isinstance(fields, dict) else secret
