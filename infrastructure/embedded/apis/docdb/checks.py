"""What calls of DocumentDB's have in common: tags, filters, passwords, and how each is refused."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infrastructure.embedded.control.database_clusters import invalid
from infrastructure.embedded.gateway.operations import Members

_PASSWORD = re.compile(r"[\x21\x23-\x2e\x30-\x3f\x41-\x7e]{8,100}")


def filters(given: Members, *known: str) -> dict[str, set[str]]:
    """The values of each filter, in small letters; `known` are the names there are."""
    found = {str(each["Name"]): set(map(str.lower, each["Values"])) for each in given.get("Filters") or ()}
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise invalid(f"Unrecognized filter name: {unknown[0]}")
    return found


def fits(wanted: Mapping[str, set[str]], own: Mapping[str, Iterable[str]]) -> bool:
    """Whether what has `own` values, by filter, passes all filters that are `wanted`."""
    return all(values & {each.lower() for each in own[name]} for name, values in wanted.items())


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
