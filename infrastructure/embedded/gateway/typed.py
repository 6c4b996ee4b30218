"""The members of a JSON request with the types of the model: what JSON has no type for, and no member that is null.

Only what differs is touched: shapes are compiled once, into closures, as in `fitness`. The members are as `validation`
lets them through, or as an SDK takes them.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.model import Shape
from botocore.utils import parse_timestamp

Read = Callable[[Any], Any]


@cache
def typed(shape: Shape) -> Read | None:
    """What makes a value of `shape` from one in JSON; None where both are the same."""
    compiler = _COMPILERS.get(shape.type_name)
    return compiler(shape) if compiler else _LEAVES.get(shape.type_name)


def _structure(shape: Any) -> Read | None:
    members = shape.members

    def read(value: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, given in value.items():
            if given is not None:
                inner = typed(members[name])
                found[name] = given if inner is None else inner(given)
        return found

    return None if shape.is_document_type else read


def _list(shape: Any) -> Read:
    def read(value: Any) -> Any:
        inner = typed(shape.member)
        return value if inner is None else [None if each is None else inner(each) for each in value]

    return read


def _map(shape: Any) -> Read:
    def read(value: Any) -> Any:
        inner = typed(shape.value)
        return value if inner is None else {key: None if each is None else inner(each) for key, each in value.items()}

    return read


def _moment(value: Any) -> datetime:
    """In UTC, and without saying so, as moto keeps times."""
    moment = value if isinstance(value, datetime) else parse_timestamp(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_COMPILERS: Mapping[str, Callable[[Any], Read | None]] = {"structure": _structure, "list": _list, "map": _map}
_LEAVES: Mapping[str, Read] = {
    "blob": lambda value: b64decode(value, validate=True) if isinstance(value, str) else value,
    "timestamp": _moment,
    "float": float,
    "double": float,
    "integer": int,
    "long": int,
}
