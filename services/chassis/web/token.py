"""The operators' bearer token as Secrets Manager keeps it."""

from typing import Final

import orjson

TRUST_S: Final = 60.0
"""A token that was rotated is refused, and the new one taken, after this long at the latest."""


def read_token(secret: str) -> str:
    """A secret is the token itself, or an object with a member `token`, as Secrets Manager's key/value form has it.

    "" where the object has no text of that name: nobody's token may be "None".
    """
    try:
        fields = orjson.loads(secret)
    except orjson.JSONDecodeError:
        return secret
    if not isinstance(fields, dict):
        return secret
    token = fields.get("token")
    return token if isinstance(token, str) else ""
