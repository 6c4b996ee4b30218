"""Whether a request's members are what a shape of the model takes: yes or no, as cheaply as that can be said.

Nearly every call is as it should be, so the gateway asks this first; `shapes` says what is wrong with the others. A
test holds the two against each other. Shapes are compiled once, into closures; those inside of one when first met.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from botocore.model import Shape

from infrastructure.embedded.gateway.checks.patterns import is_base64, is_moment, pattern

Fits = Callable[[Any], bool]
_ENDLESS = float("inf")


@cache
def fits(shape: Shape) -> Fits:
    """What says whether a value is one of `shape`."""
    return _COMPILERS.get(shape.type_name, _anything)(shape)


def _anything(_shape: Shape) -> Fits:
    return lambda _value: True


def _structure(shape: Any) -> Fits:
    if shape.is_document_type:
        return _anything(shape)
    required, members = tuple(shape.required_members), shape.members
    known: dict[str, Fits] = {}

    def fits_structure(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, given in value.items():
            check = known.get(name)
            if check is None:
                if name not in members:
                    return False
                check = known[name] = fits(members[name])
            if given is not None and not check(given):
                return False
        for name in required:  # noqa: SIM110  a loop costs half of what `all` over a generator does
            if value.get(name) is None:
                return False
        return True

    return fits_structure


def _list(shape: Any) -> Fits:
    least, most = _bounds(shape)

    def fits_list(value: Any) -> bool:
        if type(value) is not list or not least <= len(value) <= most:
            return False
        check = fits(shape.member)
        for each in value:  # noqa: SIM110  as above
            if each is not None and not check(each):
                return False
        return True

    return fits_list


def _map(shape: Any) -> Fits:
    least, most = _bounds(shape)

    def fits_map(value: Any) -> bool:
        if type(value) is not dict or not least <= len(value) <= most:
            return False
        key_fits, value_fits = fits(shape.key), fits(shape.value)
        for key, each in value.items():  # noqa: SIM110  as above
            if not key_fits(key) or (each is not None and not value_fits(each)):
                return False
        return True

    return fits_map


def _string(shape: Any) -> Fits:
    least, most = _bounds(shape)
    regular, allowed = pattern(shape.metadata.get("pattern")), frozenset(shape.enum)
    if regular is None and not allowed:
        return lambda value: type(value) is str and least <= len(value) <= most

    def fits_string(value: Any) -> bool:
        if type(value) is not str or not least <= len(value) <= most:
            return False
        return (not allowed or value in allowed) and (regular is None or regular.search(value) is not None)

    return fits_string


def _number(shape: Any) -> Fits:
    least, most = _bounds(shape, -_ENDLESS)
    if shape.type_name in ("integer", "long"):
        least, most = max(least, -(2**63)), min(most, 2**63 - 1)
        return lambda value: type(value) is int and least <= value <= most
    return lambda value: type(value) in (int, float) and least <= value <= most


def _boolean(_shape: Shape) -> Fits:
    return lambda value: value is True or value is False


def _blob(shape: Any) -> Fits:
    least, most = _bounds(shape)

    def fits_blob(value: Any) -> bool:
        if type(value) is str:
            return is_base64(value) and least <= len(value) // 4 * 3 - value[-2:].count("=") <= most
        return type(value) is bytes and least <= len(value) <= most

    return fits_blob


def _timestamp(_shape: Shape) -> Fits:
    return lambda value: type(value) in (int, float, datetime) or is_moment(value)


def _bounds(shape: Any, least: float = 0.0) -> tuple[float, float]:
    """Of a length, or with `least` of minus infinity of a number."""
    return shape.metadata.get("min", least), shape.metadata.get("max", _ENDLESS)


_COMPILERS: Mapping[str, Callable[[Any], Fits]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}
