"""What calls of DocumentDB's have in common: names, tags, filters, passwords, and how each is refused."""

import re
from typing import Any

from infrastructure.embedded.gateway.operations import Members
from infrastructure.embedded.gateway.refused import Refused

_IDENTIFIER = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]|[A-Za-z]")
_PASSWORD = re.compile(r"[\x21\x23-\x2e\x30-\x3f\x41-\x7e]{8,100}")


def filters(given: Members, *known: str) -> dict[str, set[str]]:
    """The values of each filter; `known` are the names there are."""
    found = {str(each["Name"]): set(each["Values"]) for each in given.get("Filters") or ()}
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise invalid(f"Unrecognized filter name: {unknown[0]}")
    return found


def tags(given: Members) -> dict[str, str]:
    """Those that a call gives."""
    return {each["Key"]: each.get("Value", "") for each in given.get("Tags") or ()}


def password(text: Any) -> str:
    """A master password that may be one."""
    if not text:
        raise invalid("The parameter MasterUserPassword must be provided and must not be blank.")
    if not _PASSWORD.fullmatch(str(text)):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password: 8 to 100 printable ASCII characters, "
            "other than '/', '\"', '@' and spaces, may be used."
        )
    return str(text)


def invalid(message: str) -> Refused:
    """Of a value that may not be."""
    return Refused("InvalidParameterValue", message)


def bad_state(message: str) -> Refused:
    """Of a cluster that is in no state for it."""
    return Refused("InvalidDBClusterStateFault", message)


def identifier(given: Members, member: str) -> str:
    """A new name, in small letters."""
    identity = str(given[member])
    if not _IDENTIFIER.fullmatch(identity):
        raise invalid(
            f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter; must contain "
            "only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens."
        )
    return identity.lower()
