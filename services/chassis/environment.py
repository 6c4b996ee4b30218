"""Settings out of environment variables without a library: each read once, all problems reported together.

The services in containers use pydantic (`settings.py`), whose import alone costs more than the whole start of a Lambda
function may.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


class ConfigurationError(Exception):
    """The environment does not describe a service that can run. The text lists every problem, one a line."""

    @classmethod
    def of(cls, problems: list[str]) -> "ConfigurationError":
        return cls("the environment is not usable:\n  " + "\n  ".join(problems))


class Variables:
    """`with Variables(environ) as read`: collects what is missing or wrong; leaving the block raises it all at once.

    Values are not repeated: an environment also carries credentials. After a problem a reader returns what it was given
    as default, or "nothing" of its type, which nobody sees because the block raises.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def __enter__(self) -> "Variables":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None and self._problems:
            raise ConfigurationError.of(self._problems)

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        return self._read(name, default, "", _text)

    def number(self, name: str, *, least: float, most: float, default: float | None = None) -> float:
        """A number from `least` to `most`."""
        return self._read(name, default, least, lambda text: _number(text, least, most))

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of `allowed`."""
        return self._read(name, default, allowed[0], lambda text: _choice(text, allowed))

    def converted(self, name: str, convert: Callable[[str], T], nothing: T) -> T:
        """What `convert` makes of it; its `ValueError` is the problem. `nothing` stands in when there is one."""
        return self._read(name, None, nothing, convert)

    def _read(self, name: str, default: T | None, nothing: T, convert: Callable[[str], T]) -> T:
        given = self._environ.get(name)
        if given is None:
            if default is None:
                self._problems.append(f"{name}: is missing")
            return nothing if default is None else default
        try:
            return convert(given)
        except ValueError as wrong:
            self._problems.append(f"{name}: {wrong}")
            return nothing


def _text(given: str) -> str:
    if not given.strip():
        raise ValueError("must not be empty")
    return given.strip()


def _number(given: str, least: float, most: float) -> float:
    try:
        value = float(given)
    except ValueError:
        raise ValueError("must be a number") from None
    if not least <= value <= most:
        raise ValueError(f"must be {least:g} to {most:g}")
    return value


def _choice(given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return given
