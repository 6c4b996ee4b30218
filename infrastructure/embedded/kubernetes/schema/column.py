"""What a column of a table is, and the values that many of them show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.schema.age import human
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object

NONE, UNKNOWN = "<none>", "<unknown>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `is_wide`: only `-o wide` shows it. `value` gets the object and the time now, in Unix seconds."""

    name: str
    value: Callable[[Object, float], Any]
    type: str = "string"
    is_wide: bool = False


def column(name: str, value: Callable[[Object], Any], *, wide: bool = False, number: bool = False) -> Column:
    """One whose value needs no clock."""
    shown = "integer" if number else "string"
    return Column(name=name, value=lambda of, _now: value(of), type=shown, is_wide=wide)


def since(stamped: object, now: float) -> str:
    """How long ago a time stamp was."""
    return human(now - objects.seconds(str(stamped))) if stamped else UNKNOWN


def path(*parts: str, default: Any = "") -> Callable[[Object], Any]:
    """A value in the object, by its path."""

    def value(of: Object) -> Any:
        found: Any = of
        for part in parts:
            found = (found or {}).get(part)
        return default if found is None else found

    return value


def count(*parts: str) -> Callable[[Object], Any]:
    """A number in the object; 0 where there is none."""
    return path(*parts, default=0)


NAME = Column(name="Name", value=lambda of, _: objects.name(of))
AGE = Column(name="Age", value=lambda of, now: since(objects.meta(of).get("creationTimestamp"), now))
