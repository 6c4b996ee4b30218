"""Who gets in at a server, and what a client may ask there: loopback is shared with every user of the machine.

Clients are the user `default` and need a password. What ElastiCache withholds from them is not there for them either:
most of it is taken away, and what the platform itself needs has a name that is made anew with every start.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

OPERATOR = "operator"
"""The user that the platform is, to its servers and they to each other."""

_GONE = ("bgrewriteaof", "bgsave", "config", "debug", "migrate", "module", "save", "shutdown", "slaveof")
_HIDDEN = ("acl", "failover", "replicaof")
_REFUSED = ("psync", "sync")
"""By these two a replica asks for its copy, and they can have no other name: clients get NOPERM instead."""


@dataclass(frozen=True, slots=True)
class Access:
    """The secrets of one API's servers. `password` is what clients give; the rest is the platform's own.

    Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html (restricted commands)
    """

    password: str = field(repr=False)
    operator: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _word: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    def hidden(self, command: str) -> str:
        """What a command of the platform's is called on these servers."""
        return f"{command}-{self._word}"

    def settings(self, tokens: Iterable[str] = ()) -> Iterator[str]:
        """Lines of a server's configuration; `tokens` are further passwords that clients may give."""
        yield from (f'rename-command {name} ""' for name in _GONE)
        yield from (f"rename-command {name} {self.hidden(name)}" for name in _HIDDEN)
        refused = " ".join(f"-{name}" for name in (*_HIDDEN, *_REFUSED))
        yield f"user default on {' '.join(self.passwords(tokens))} ~* &* +@all {refused}"
        yield f"user {OPERATOR} on {_hashed(self.operator)} ~* &* +@all"
        yield f"masteruser {OPERATOR}"
        yield f"masterauth {self.operator}"

    def passwords(self, tokens: Iterable[str] = ()) -> tuple[str, ...]:
        """All that open the door, as the server keeps them."""
        return tuple(_hashed(each) for each in (self.password, *tokens))


def _hashed(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
