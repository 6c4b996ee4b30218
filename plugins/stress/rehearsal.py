"""The operators' event of a function: checkouts that are rehearsed and leave nothing."""

import json

_CHECKOUTS = 1  # of one event


def checkout_event(scenario: str, token: str) -> bytes:
    """The event for one rehearsed checkout. It holds the operators' token: never log it."""
    return json.dumps({"stress": {"scenario": scenario, "token": token, "checkouts": _CHECKOUTS}}).encode()


def has_checked_out(body: bytes) -> bool:
    """Does the answer say that the one checkout was done? A function that does nothing is fast, and proves nothing."""
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("checkouts") == _CHECKOUTS
