"""Named parameters of statements: `:name` as users write them, `$name` as they are once the dialect has been read."""

import re
from collections.abc import Mapping, Sequence

from infrastructure.embedded.engines.warehouse.loading import literal

_SKIPPED = r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/"""
_WRITTEN = re.compile(_SKIPPED + r" | :: | (?<![:\w]):([A-Za-z_]\w*)", re.VERBOSE | re.DOTALL)
_READ = re.compile(_SKIPPED + r" | \$([A-Za-z_]\w*)", re.VERBOSE | re.DOTALL)


def names(sql: str) -> frozenset[str]:
    """The parameters that a statement refers to as it was written."""
    return frozenset(found[1] for found in _WRITTEN.finditer(sql) if found[1])


def bound(sql: str, parameters: Sequence[Mapping[str, str]]) -> str:
    """The text with each parameter as a literal: its type follows from where it stands, as on Redshift."""
    if not parameters:
        return sql
    values = {each["name"]: literal(each["value"]) for each in parameters}
    return _READ.sub(lambda found: values.get(found[1], found[0]) if found[1] else found[0], sql)
