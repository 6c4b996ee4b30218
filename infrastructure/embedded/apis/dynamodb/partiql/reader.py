"""The words of a PartiQL statement, and the values and paths that they make. Pure.

Source: Amazon DynamoDB Developer Guide, "PartiQL data types" and "PartiQL statements".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.embedded.gateway.refused import Refused

Value = Mapping[str, Any]
"""An attribute value in DynamoDB's JSON."""
Path = tuple[str | int, ...]
"""An attribute, and what is inside of it by name or place."""
_TOKEN = re.compile(
    r"""\s*(?:
        '(?P<text>(?:[^']|'')*)'
      | "(?P<name>(?:[^"]|"")*)"
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark><<|>>|<=|>=|<>|!=|[=<>()\[\]{},:.?*+;-])
    )""",
    re.VERBOSE,
)


def malformed(what: str) -> Refused:
    """A statement that is none."""
    return Refused("ValidationException", f"Statement wasn't well formed, can't be processed: {what}")


class Reader:
    """Reads a statement word by word; `parameters` stand for its question marks, in their order."""

    def __init__(self, statement: str, parameters: Sequence[Value]) -> None:
        self._words = _words(statement)
        self._place = 0
        self._parameters = list(parameters)

    def is_at(self, *words: str) -> bool:
        """Whether these keywords or marks come next."""
        coming = self._words[self._place : self._place + len(words)]
        return len(coming) == len(words) and all(
            kind in ("word", "mark") and text.upper() == word for (kind, text), word in zip(coming, words, strict=True)
        )

    def takes(self, *words: str) -> bool:
        """Go past these keywords or marks, if they come next."""
        if not self.is_at(*words):
            return False
        self._place += len(words)
        return True

    def needs(self, *words: str) -> None:
        """Go past these keywords or marks, which must come next."""
        if not self.takes(*words):
            raise self.unexpected()

    def ends(self) -> None:
        """Nothing may be left."""
        self.takes(";")
        if self._place < len(self._words):
            raise self.unexpected()
        if self._parameters:
            raise Refused("ValidationException", "Number of parameters in request and statement don't match.")

    def unexpected(self) -> Refused:
        """The next word should not be there."""
        left = self._words[self._place :]
        return malformed(f"Unexpected token '{left[0][1]}'" if left else "Unexpected end of statement")

    def name(self) -> str:
        """A name, in double quotes or without."""
        kind, text = self._next()
        if kind not in ("word", "name"):
            self._place -= 1
            raise self.unexpected()
        return text

    def path(self) -> Path:
        """An attribute, or a part of one."""
        steps: list[str | int] = [self.name()]
        while self.is_at(".") or self.is_at("["):
            if self.takes("."):
                steps.append(self.name())
            else:
                self.needs("[")
                steps.append(int(self._of_kind("number")))
                self.needs("]")
        return tuple(steps)

    def is_at_path(self) -> bool:
        """Whether a name comes next, not a value."""
        kind, text = self._words[self._place] if self._place < len(self._words) else ("", "")
        return kind == "name" or (kind == "word" and text.upper() not in ("TRUE", "FALSE", "NULL"))

    def value(self) -> Value:
        """A literal, or the parameter of a question mark."""
        if self.takes("?"):
            if not self._parameters:
                raise Refused("ValidationException", "Number of parameters in request and statement don't match.")
            return self._parameters.pop(0)
        for word, value in (("TRUE", {"BOOL": True}), ("FALSE", {"BOOL": False}), ("NULL", {"NULL": True})):
            if self.takes(word):
                return value
        if self.takes("-"):
            return {"N": "-" + self._of_kind("number")}
        if self.takes("["):
            return {"L": self._values("]")}
        if self.takes("<<"):
            return self._set()
        if self.takes("{"):
            return {"M": self.members()}
        kind, text = self._next()
        if kind not in ("text", "number"):
            self._place -= 1
            raise self.unexpected()
        return {"S" if kind == "text" else "N": text}

    def members(self) -> dict[str, Value]:
        """The rest of a map, whose brace has been taken."""
        found: dict[str, Value] = {}
        while not self.takes("}"):
            if found:
                self.needs(",")
            key = self._of_kind("text")
            self.needs(":")
            found[key] = self.value()
        return found

    def _values(self, end: str) -> list[Value]:
        found: list[Value] = []
        while not self.takes(end):
            if found:
                self.needs(",")
            found.append(self.value())
        return found

    def _set(self) -> Value:
        values = self._values(">>")
        kinds = {kind for each in values for kind in each}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            raise malformed("a set holds texts, numbers or binaries, all of one kind")
        [kind] = kinds
        return {f"{kind}S": [each[kind] for each in values]}

    def _of_kind(self, kind: str) -> str:
        found, text = self._next()
        if found != kind:
            self._place -= 1
            raise self.unexpected()
        return text

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._words):
            raise self.unexpected()
        self._place += 1
        return self._words[self._place - 1]


def _words(statement: str) -> list[tuple[str, str]]:
    words: list[tuple[str, str]] = []
    place, end = 0, len(statement.rstrip())
    while place < end:
        found = _TOKEN.match(statement, place)
        if found is None:
            raise malformed(f"Unexpected character at '{statement[place:].strip()[:20]}'")
        kind = str(found.lastgroup)
        quote = {"text": "'", "name": '"'}.get(kind, "")
        words.append((kind, found[kind].replace(quote * 2, quote) if quote else found[kind]))
        place = found.end()
    return words
