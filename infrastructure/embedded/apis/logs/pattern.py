"""Filter patterns of CloudWatch Logs: which messages one lets through. Pure.

    ERROR "a phrase" -debug     all of these, none of those      ?ERROR ?WARN   any of these
    %4\\d\\d%                     a regular expression
    { $.n > 3 && ($.a.b = "x*" || $.list[0] NOT EXISTS) }          of a message that is JSON

Patterns for fields between spaces (`[ip, user, status = 4*]`) are not evaluated, and refused. Source: Amazon CloudWatch
Logs User Guide, "Filter pattern syntax".
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Matches = Callable[[str], bool]
Condition = Callable[[Any], bool]
"""Of a message's document."""

_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"%]+))')
_PLAIN = re.compile(r"\w+")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<path>\$(?:\.[\w-]+|\[(?:\d+|\*|'[^']*'|"[^"]*")\])+)
      | (?P<mark>&&|\|\||\(|\)|!=|>=|<=|=|>|<)
      | (?P<regex>%(?:[^%\\]|\\.)+%)
      | "(?P<text>(?:[^"\\]|\\.)*)"
      | (?P<word>[\w*.+:/@-]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([\w-]+)|\[(\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_ABSENT = object()


class InvalidPattern(ValueError):
    """A text that is no filter pattern."""


class NotEvaluated(ValueError):
    """A pattern that AWS evaluates and this module does not."""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Matches:
    """What says whether a message passes; `InvalidPattern` or `NotEvaluated` if there can be none."""
    text = pattern.strip()
    if text.startswith("["):
        raise NotEvaluated("filter patterns for fields between spaces")
    if text.startswith("{"):
        if not text.endswith("}"):
            raise InvalidPattern("Invalid filter pattern: a JSON pattern ends with '}'")
        return _of_document(_Conditions(text[1:-1]).parsed())
    return _of_terms(text)


def _of_terms(text: str) -> Matches:
    needed: list[Matches] = []
    excluded: list[Matches] = []
    optional: list[Matches] = []
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise InvalidPattern(f"Invalid filter pattern at '{text[place:]}'")
        sign, phrase, regular, plain = found.groups()
        place = found.end()
        if plain is not None and not _PLAIN.fullmatch(plain):
            raise InvalidPattern(f"Invalid character(s) in term '{plain}'")
        {"": needed, "-": excluded, "?": optional}[sign].append(_term(phrase, regular, plain))
    if optional and not needed and not excluded:
        return lambda message: any(matches(message) for matches in optional)
    return lambda message: (
        all(matches(message) for matches in needed) and not any(matches(message) for matches in excluded)
    )


def _term(phrase: str | None, regular: str | None, plain: str | None) -> Matches:
    if regular is not None:
        expression = _regular(regular)
        return lambda message: expression.search(message) is not None
    wanted = _unescaped(phrase) if phrase is not None else str(plain)
    return lambda message: wanted in message


def _of_document(condition: Condition) -> Matches:
    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, (dict, list)) and condition(document)

    return matches


class _Conditions:
    """Reads a JSON pattern's inside: `or` of `and` of comparisons and parentheses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._kind = self._value = ""
        self._next()

    def parsed(self) -> Condition:
        condition = self._either()
        if self._kind:
            raise self._unexpected()
        return condition

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._is_mark("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda document: any(part(document) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._is_mark("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)

    def _one(self) -> Condition:
        if self._is_mark("("):
            inner = self._either()
            if not self._is_mark(")"):
                raise self._unexpected()
            return inner
        path, sign = self._taken("path"), self._value
        if self._kind == "word":
            return self._stated(path)
        if sign not in ("=", "!=", *_ORDERS):
            raise self._unexpected()
        self._next()
        return self._compared(path, sign)

    def _stated(self, path: str) -> Condition:
        words = f"{self._taken('word')} {self._taken('word')}".upper()
        states: Mapping[str, Callable[[Any], bool]] = {
            "IS NULL": lambda value: value is None,
            "IS TRUE": lambda value: value is True,
            "IS FALSE": lambda value: value is False,
            "NOT EXISTS": lambda value: value is _ABSENT,
        }
        if words not in states:
            raise InvalidPattern(f"Invalid filter pattern: {words} is none of {', '.join(states)}")
        return lambda document: states[words](_found(document, path))

    def _compared(self, path: str, sign: str) -> Condition:
        kind, value = self._kind, self._value
        if kind not in ("text", "word", "regex"):
            raise self._unexpected()
        self._next()
        number = _number(value) if kind == "word" else None
        if sign in _ORDERS:
            if number is None:
                raise InvalidPattern(f"Invalid filter pattern: '{sign}' compares numbers, '{value}' is none")
            order, bound = _ORDERS[sign], number
            return lambda document: (told := _number(_found(document, path))) is not None and order(told, bound)
        is_equal = _equality(kind, value, number)
        wanted = sign == "="
        return lambda document: (told := _found(document, path)) is not _ABSENT and is_equal(told) is wanted

    def _taken(self, kind: str) -> str:
        if self._kind != kind:
            raise self._unexpected()
        value = self._value
        self._next()
        return value

    def _is_mark(self, mark: str) -> bool:
        if self._kind != "mark" or self._value != mark:
            return False
        self._next()
        return True

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._place)
        if found is None:
            if self._text[self._place :].strip():
                raise InvalidPattern(f"Invalid filter pattern at '{self._text[self._place :].strip()}'")
            self._kind = self._value = ""
            return
        self._place = found.end()
        self._kind = str(found.lastgroup)
        self._value = found[self._kind]

    def _unexpected(self) -> InvalidPattern:
        return InvalidPattern(f"Invalid filter pattern: unexpected '{self._value or '}'}'")


def _equality(kind: str, value: str, number: float | None) -> Callable[[Any], bool]:
    if kind == "regex":
        expression = _regular(value[1:-1])
        return lambda told: isinstance(told, str) and expression.search(told) is not None
    if number is not None:
        return lambda told: told == value if isinstance(told, str) else _number(told) == number
    text = _unescaped(value)
    expression = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
    return lambda told: isinstance(told, str) and expression.fullmatch(told) is not None


def _found(document: Any, path: str) -> Any:
    """What is at a path; `*` stands for the first element."""
    for name, place, quoted, double in _STEP.findall(path):
        key = name or quoted or double
        if place and isinstance(document, list):
            index = 0 if place == "*" else int(place)
            document = document[index] if index < len(document) else _ABSENT
        else:
            document = document.get(key, _ABSENT) if isinstance(document, dict) and not place else _ABSENT
    return document


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _regular(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as problem:
        raise InvalidPattern(f"Invalid regular expression '{text}': {problem}") from problem


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
