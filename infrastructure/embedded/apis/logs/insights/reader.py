"""Goes through a query of Logs Insights, token by token."""

import re
from collections.abc import Callable

NOT_ANSWERED = ("parse", "dedup", "unnest", "unmask", "pattern", "diff", "anomaly", "join", "lookup", "source")
"""Commands that AWS has and that are not answered here."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<regex>/(?:[^/\\]|\\.)+/i?)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<mark>!=|<=|>=|=~|[=<>(),|*\[\]])|(?P<quoted>`[^`]+`)|(?P<word>[@\w][\w@.\-]*|-?\d[\d.]*))""",
    re.VERBOSE,
)


class Malformed(ValueError):
    """A text that is no query; the message says where."""


class NotAnswered(ValueError):
    """A query that AWS answers and that is not answered here."""


class Reader:
    """The query's tokens, one after the other. `is_shown`: a command has said which fields are shown."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._place = 0
        self._kind = self._value = ""
        self.is_shown = False
        self._next()

    @property
    def is_done(self) -> bool:
        return not self._kind

    def is_mark(self, mark: str) -> bool:
        return self._kind == "mark" and self._value == mark

    def take(self, *wanted: str) -> str:
        """The token, if it is one of these; words in any case."""
        found = self._value if self._kind in ("word", "mark") else ""
        if found.lower() not in wanted:
            return ""
        self._next()
        return found.lower()

    def need(self, mark: str) -> None:
        if not self.take(mark):
            raise self.unexpected()

    def taken(self, *kinds: str) -> str:
        if self._kind not in kinds:
            raise self.unexpected()
        value = self._value
        self._next()
        return value

    def field(self) -> str:
        return self.taken("word", "quoted").strip("`")

    def alias(self, otherwise: str) -> str:
        return self.field() if self.take("as") else otherwise

    def value(self) -> str:
        """A literal; a word that is no number is a field's name in AWS, and refused."""
        kind, value = self._kind, self.taken("text", "word")
        if kind == "word" and number(value) is None:
            raise NotAnswered(f"comparing with the field {value}")
        return _unquoted(value) if kind == "text" else value

    def matching(self) -> Callable[[str], bool]:
        """What `like` and `=~` hold a value against."""
        if self._kind == "regex":
            text = self.taken("regex")
            expression = _regular(text.removesuffix("i")[1:-1], re.IGNORECASE if text.endswith("i") else 0)
            return lambda value: expression.search(value) is not None
        wanted = _unquoted(self.taken("text"))
        return lambda value: wanted in value

    def listed(self) -> tuple[str, ...]:
        self.need("[")
        found = [self.value()]
        while self.take(","):
            found.append(self.value())
        self.need("]")
        return tuple(found)

    def unexpected(self) -> ValueError:
        if self._kind == "word" and self._value.lower() in NOT_ANSWERED:
            return NotAnswered(f"the command {self._value}")
        return Malformed(f"unexpected symbol found {self._value or 'end of query'} at position {self._place}")

    def _next(self) -> None:
        found = _TOKEN.match(self._query, self._place)
        if found is None:
            rest = self._query[self._place :].strip()
            if rest:
                raise Malformed(f"unexpected symbol found {rest[0]} at position {self._place}")
            self._kind = self._value = ""
            return
        self._place = found.end()
        self._kind = str(found.lastgroup)
        self._value = found[self._kind]


def number(text: str) -> float | None:
    """What a text says in digits; None where it says none."""
    try:
        return float(text)
    except ValueError:
        return None


def _regular(text: str, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(text.replace("\\/", "/"), flags)
    except re.error as problem:
        raise Malformed(f"invalid regular expression {text}: {problem}") from problem


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
