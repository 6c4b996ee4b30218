"""An expression's text as a tree.

expression  = every operator between two operands, by its rank: || && comparisons + - * / ^
operand     = number | "text" | identifier | function(expression, …) | [expression, …] | (expression) | -operand
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEEPEST = 30
"""Parentheses, brackets and signs within each other."""
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[<>=!]=|[-+*/^<>(),\[\]]))"
)
_RANKS: Mapping[str, int] = {
    "||": 1,
    "OR": 1,
    "&&": 2,
    "AND": 2,
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">="), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/", 5),
    "^": 6,
}
"""What binds closer has the higher one."""


class ExpressionError(ValueError):
    """An expression that means nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text, without its quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of another query, or a word that a function knows (`REPEAT`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """Several values in brackets."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before a value."""

    of: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two values."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Function:
    """A call; `name` in capital letters."""

    name: str
    arguments: "tuple[Node, ...]"


Node = Number | Text | Name | Array | Negative | Binary | Function


def parse(text: str) -> Node:
    """The tree; `ExpressionError` when there is none."""
    reader = _Reader(_tokens(text))
    tree = reader.expression(0)
    reader.end()
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each."""
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"Unexpected character {text[at:].lstrip()[:1]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def expression(self, rank: int) -> Node:
        """Operands and what binds closer than `rank` between them, from left to right."""
        left = self._operand()
        while (sign := self._peek()) and _RANKS.get(sign.upper(), 0) > rank:
            self._at += 1
            left = Binary(sign.upper(), left, self.expression(_RANKS[sign.upper()]))
        return left

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise ExpressionError(f"Unexpected {self._peek()!r}")

    def _operand(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"It is nested more than {DEEPEST} deep")
        try:
            return self._read_operand()
        finally:
            self._depth -= 1

    def _read_operand(self) -> Node:
        if self._at >= len(self._tokens):
            raise ExpressionError("It ends where a value is expected")
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind, text:
            case "number", _:
                return Number(float(text))
            case "text", _:
                return Text(text[1:-1])
            case "word", _:
                return Function(text.upper(), self._list(")")) if self._takes("(") else Name(text)
            case _, "-":
                return Negative(self._operand())
            case _, "(":
                inner = self.expression(0)
                self._require(")")
                return inner
            case _, "[":
                return Array(self._list("]"))
        raise ExpressionError(f"Unexpected {text!r}")

    def _list(self, end: str) -> tuple[Node, ...]:
        if self._takes(end):
            return ()
        items = [self.expression(0)]
        while self._takes(","):
            items.append(self.expression(0))
        self._require(end)
        return tuple(items)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _takes(self, text: str) -> bool:
        is_next = self._peek() == text
        self._at += is_next
        return is_next

    def _require(self, text: str) -> None:
        if not self._takes(text):
            raise ExpressionError(f"Expected {text!r}, found {self._peek()!r}" if self._peek() else f"Missing {text!r}")
