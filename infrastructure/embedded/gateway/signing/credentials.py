"""Whose keys the embedded cloud takes. All are made when it starts, or are asked of it later; none outlives it.

A person or a tool calls as the user `operator`, with long-term keys. A task, an instance or a function calls as a
session of its role: temporary keys with a token, as on AWS. Source: IAM User Guide, "IAM identifiers".
"""

import secrets
import string
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY_ALPHABET = string.ascii_uppercase + "234567"
_KEY_LENGTH = 16
OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys to sign with; `token` belongs to temporary ones. What is secret stays out of logs and tracebacks."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def long_term(cls) -> "Credentials":
        """New ones as a user has them."""
        return cls(access_key=_unique("AKIA"), secret_key=secrets.token_urlsafe(30))

    @classmethod
    def temporary(cls) -> "Credentials":
        """New ones as a session has them."""
        return cls(access_key=_unique("ASIA"), secret_key=secrets.token_urlsafe(30), token=secrets.token_urlsafe(48))


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: `name` for rules and the audit log, `arn` and `id` as STS tells them."""

    name: str
    arn: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Credentials and whose they are. `expires_at` in Unix seconds; None: when the cloud ends."""

    credentials: Credentials
    principal: Principal
    expires_at: float | None = None

    @property
    def is_session(self) -> bool:
        """Whether the keys are temporary ones."""
        return self.credentials.token is not None


caller: ContextVar[Issued | None] = ContextVar("caller", default=None)
"""By whose keys the call that is being answered was signed; None for calls from inside the daemon."""


class Keyring:
    """All credentials of the account that are good, by access key."""

    def __init__(self, account: str, operator: Credentials | None = None) -> None:
        self._account = account
        self._issued: dict[str, Issued] = {}
        self._workloads: dict[tuple[str, str], Credentials] = {}
        self.operator = operator or Credentials.long_term()
        arn = f"arn:aws:iam::{account}:user/{OPERATOR}"
        self.add(Issued(credentials=self.operator, principal=Principal(name=OPERATOR, arn=arn, id=_unique("AIDA"))))
        self.users: Callable[[str], Issued | None] = lambda _access_key: None
        """Finds the keys that IAM has on record for its users; who keeps those records sets it."""

    def add(self, issued: Issued) -> None:
        """Take these from now on."""
        self._issued[issued.credentials.access_key] = issued

    def find(self, access_key: str) -> Issued | None:
        """The credentials with this access key, expired or not; None when they are nobody's."""
        return self._issued.get(access_key) or self.users(access_key)

    def workload(self, name: str, role: str = "") -> Credentials:
        """Those of a program that runs here: the same each time. `role`: name or ARN; default: one called `name`."""
        role = role.rpartition("/")[2] or name
        if (role, name) not in self._workloads:
            made = self.session(role=role, session=name, role_id=_unique("AROA"), name=name, expires_at=None)
            self._workloads[role, name] = made.credentials
        return self._workloads[role, name]

    def session(self, *, role: str, session: str, role_id: str, name: str, expires_at: float | None) -> Issued:
        """New credentials for a session of the role called `role`."""
        arn = f"arn:aws:sts::{self._account}:assumed-role/{role}/{session}"
        principal = Principal(name=name, arn=arn, id=f"{role_id}:{session}")
        return self.temporary(principal, expires_at)

    def temporary(self, principal: Principal, expires_at: float | None) -> Issued:
        """New credentials with a token, of `principal`."""
        made = Issued(credentials=Credentials.temporary(), principal=principal, expires_at=expires_at)
        self.add(made)
        return made


def _unique(prefix: str) -> str:
    """A unique identifier as IAM gives them out: the prefix says of what kind."""
    return prefix + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_LENGTH))
