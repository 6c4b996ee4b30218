"""A statement's words in order, for the commands that sqlglot does not read."""

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError


class Words:
    """What is still to be read of a statement. Words compare in capitals; strings are as written."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._tokens)

    @property
    def next(self) -> str:
        """The next word in capitals; empty at the end, and for a string."""
        if not self or self._tokens[self._at].token_type == TokenType.STRING:
            return ""
        return str(self._tokens[self._at].text).upper()

    def accept(self, *words: str) -> bool:
        """Takes the words if they come next, all of them."""
        ahead = self._tokens[self._at : self._at + len(words)]
        texts = [token.text.upper() for token in ahead if token.token_type != TokenType.STRING]
        if texts != list(words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Takes the words, or refuses the statement."""
        if not self.accept(*words):
            raise self.error()

    def take(self) -> str:
        """The next word as written, whatever it is."""
        if not self:
            raise self.error()
        self._at += 1
        return str(self._tokens[self._at - 1].text)

    def name(self) -> str:
        """A name, folded."""
        if not self or self._tokens[self._at].token_type in (TokenType.STRING, TokenType.NUMBER):
            raise self.error()
        if not (text := self.take()).replace("_", "a").replace("$", "a").replace("#", "a").isalnum():
            self._at -= 1
            raise self.error()
        return text.lower()

    @property
    def is_string(self) -> bool:
        return bool(self) and self._tokens[self._at].token_type == TokenType.STRING

    def string(self) -> str:
        """A literal text."""
        if not self.is_string:
            raise self.error()
        return self.take()

    def number(self) -> int:
        """A literal whole number; it may stand in quotes, as COPY allows."""
        if not self or re.fullmatch(r"\d{1,18}", text := self._tokens[self._at].text, re.ASCII) is None:
            raise self.error()
        self._at += 1
        return int(text)

    def decimal(self) -> float:
        """A literal number."""
        if not self or re.fullmatch(r"\d{1,9}(\.\d{0,9})?", self._tokens[self._at].text) is None:
            raise self.error()
        return float(self.take())

    def qualified(self) -> tuple[str | None, str]:
        """`schema.name` or `name`."""
        first = self.name()
        return (first, self.name()) if self.accept(".") else (None, first)

    def end(self) -> None:
        """Refuses what is left over."""
        if self:
            raise self.error()

    def error(self) -> DialectError:
        """Redshift's refusal at the place reached."""
        if not self:
            return DialectError("syntax error at end of input")
        token = self._tokens[self._at]
        return DialectError(f'syntax error at or near "{token.text}"\n  Position: {token.start + 1}')
