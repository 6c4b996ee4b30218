"""Texts that match a pattern of the models. Only what those use is understood: Java's syntax, no look-behind.

Pure: the generator is passed in.
"""

import random
import re
from collections.abc import Iterator
from functools import cache
from re import _constants as opcodes  # type: ignore[attr-defined]  # the standard library's own reader of patterns
from re import _parser as reader  # type: ignore[attr-defined]
from typing import Any

import regex

_ADAPTED = (
    (r"\uD800\uDC00-\uDBFF\uDFFF", ""),
    ("&&", ""),
    (r"\p{L}", "a-zA-Z"),
    (r"\p{LD}", "a-z"),
    (r"\p{Z}", " "),
    (r"\p{N}", "0-9"),
    (r"\p{P}", "!"),
    (r"\p{M}", "\u0301"),
    (r"\p{S}", "+"),
    (r"\p{Alnum}", "a-zA-Z0-9"),
    (r"\p{ASCII}", "a-z"),
    (r"\p{Print}", "a-z"),
    (r"\p{Graph}", "a-z"),
)
_LIKED = "abcdefghijklmnopqrstuvwxyz0123456789-_/:.ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNLIKED = ("\x07", "é\x00", " ?", "{}", "")
_CATEGORIES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": "abc0", "CATEGORY_SPACE": " "}
_TRIES = 40


def is_match(pattern: str, text: str) -> bool:
    """Whether AWS would take the whole `text`."""
    found = _whole(pattern)
    return found is None or found.fullmatch(text) is not None


@cache
def _whole(pattern: str) -> Any:
    adapted = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff").replace(r"\p{LD}", r"\p{L}\p{N}")
    try:
        return regex.compile(adapted.removeprefix("^").removesuffix("$") if "|" not in adapted else adapted)
    except regex.error:
        return None


def matching(pattern: str, least: int, most: int, rng: random.Random) -> str | None:
    """A text of `least` to `most` characters that matches, as short as can be; None when none was found."""
    parsed = _parsed(pattern)
    for attempt in range(_TRIES if parsed is not None else 0):
        text = _text(parsed, 0 if attempt == 0 else attempt // 4 + 1, max(least, 1), rng)
        if least <= len(text) <= most and is_match(pattern, text):
            return text
    return None


def violating(pattern: str, least: int, most: int) -> str | None:
    """A text of an allowed length that does not match; None when everything does."""
    for part in _UNLIKED:
        text = (part * most)[: max(least, len(part))] if part else ""
        if least <= len(text) <= most and not is_match(pattern, text):
            return text
    return None


@cache
def _parsed(pattern: str) -> Any:
    for java, python in _ADAPTED:
        pattern = pattern.replace(java, python)
    try:
        return reader.parse(pattern)
    except re.error:
        return None


def _text(parsed: Any, more: int, length: int, rng: random.Random) -> str:
    """`more`: repetitions beyond the least; `length`: what one unbounded repetition should reach."""
    return "".join(_parts(parsed, more, length, rng))


def _parts(parsed: Any, more: int, length: int, rng: random.Random) -> Iterator[str]:
    for opcode, argument in parsed:
        name = str(opcode)
        if name == "LITERAL":
            yield chr(argument)
        elif name == "ANY":
            yield "a"
        elif name == "NOT_LITERAL":
            yield "a" if argument != ord("a") else "b"
        elif name == "IN":
            yield _one_of(argument, rng)
        elif name == "BRANCH":
            options = argument[1]
            yield _text(options[0 if more == 0 else rng.randrange(len(options))], more, length, rng)
        elif name == "SUBPATTERN":
            yield _text(argument[3], more, length, rng)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, inner = argument
            wanted = low if more == 0 else max(low, rng.choice((1, more, length)))
            count = min(wanted, int(high) if high is not opcodes.MAXREPEAT else wanted, 3000)
            yield "".join(_text(inner, more, length, rng) for _ in range(count))


def _one_of(items: Any, rng: random.Random) -> str:
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    allowed: list[str] = []
    for opcode, argument in items:
        name = str(opcode)
        if name == "LITERAL":
            allowed.append(chr(argument))
        elif name == "RANGE":
            allowed.extend(chr(code) for code in range(argument[0], min(argument[1], argument[0] + 200) + 1))
        elif name == "CATEGORY":
            allowed.extend(_CATEGORIES.get(str(argument), "+"))
    if negated:
        return next(each for each in _LIKED if each not in allowed)
    liked = [each for each in allowed if each in _LIKED]
    return rng.choice(liked or allowed)
