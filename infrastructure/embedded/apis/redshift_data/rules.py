"""What the Data API refuses of a request by itself.

Sources: Amazon Redshift Data API Reference; Amazon Redshift Management Guide, "Considerations when calling the Amazon
Redshift Data API"
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.engines.warehouse.parameters import names
from infrastructure.embedded.gateway.refused import Refused

_MOST_BYTES = 100_000
"""Of a statement: 100 KB."""


def _check_execute(given: Mapping[str, Any]) -> None:
    _check([given["Sql"]], given.get("Parameters", ()))


def _check_batch(given: Mapping[str, Any]) -> None:
    _check(given["Sqls"], given.get("Parameters", ()))


def _check(sqls: Sequence[str], parameters: Sequence[Mapping[str, str]]) -> None:
    for sql in sqls:
        if not sql.strip():
            raise _refused("SQL statement is empty")
        if len(sql.encode()) > _MOST_BYTES:
            raise _refused(f"SQL statement of {len(sql.encode())} bytes exceeds the limit of {_MOST_BYTES} bytes")
    if parameters:
        _check_parameters(sqls, [each["name"] for each in parameters])


def _check_parameters(sqls: Sequence[str], given: Sequence[str]) -> None:
    """Each is given once, and used; each that is used is given."""
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise _refused(f"Parameters: each name may be given once, and {', '.join(twice)} is given more than once")
    used: frozenset[str] = frozenset().union(*map(names, sqls))
    unused, missing = sorted(set(given) - used), sorted(used - set(given))
    if unused or missing:
        parts = [f"{', '.join(unused)} given and not used"] if unused else []
        parts += [f"{', '.join(missing)} used and not given"] if missing else []
        raise _refused(f"Parameters list contains unused or missing parameters: {'; '.join(parts)}")


def _refused(message: str) -> Refused:
    return Refused("ValidationException", message)


RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "ExecuteStatement": _check_execute,
    "BatchExecuteStatement": _check_batch,
}
