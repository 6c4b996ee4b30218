"""How a command is refused: DocumentDB's words, with MongoDB's numbers.

Source: https://docs.aws.amazon.com/documentdb/latest/developerguide/mongo-apis.html and MongoDB's table of error codes.
"""

from typing import Any

from bson.errors import BSONError
from pymongo.errors import OperationFailure

NAMES = {
    2: "BadValue",
    9: "FailedToParse",
    13: "Unauthorized",
    14: "TypeMismatch",
    18: "AuthenticationFailed",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    40: "ConflictingUpdateOperators",
    43: "CursorNotFound",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    59: "CommandNotFound",
    66: "ImmutableField",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    85: "IndexOptionsConflict",
    225: "TransactionTooOld",
    303: "FeatureNotSupported",
    304: "FeatureNotSupported",
    10107: "NotWritablePrimary",
    11000: "DuplicateKey",
    13435: "NotPrimaryNoSecondaryOk",
}
"""Of every code that is answered with, MongoDB's name."""
_RETRYABLE = ("RetryableWriteError",)


class CommandError(Exception):
    """`code` and `message` go to the client; `more` are further members of the answer."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.more = more

    def document(self) -> dict[str, Any]:
        """As an answer."""
        known = {"codeName": NAMES[self.code]} if self.code in NAMES else {}
        return {"ok": 0.0, "errmsg": self.message, "code": self.code, **known, **self.more}


def bad_value(message: str) -> CommandError:
    """What the client has given wrongly."""
    return CommandError(2, message)


def not_supported(what: str) -> CommandError:
    """What DocumentDB does not do."""
    return CommandError(303, f"Feature not supported: {what}")


def not_provided(what: str) -> CommandError:
    """What DocumentDB does, and is not done here."""
    return CommandError(304, f"not provided by the embedded cloud: {what}; see PARITY.md")


UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BSONError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a command ends with that asks for a division by zero, a number of 70 bits, or what is no value there."""


def refusal_of(problem: Exception, command: str) -> CommandError:
    """What the client is told of whatever has ended its command."""
    if isinstance(problem, CommandError):
        return problem
    if isinstance(problem, NotImplementedError):
        return not_provided(str(problem))
    if isinstance(problem, OperationFailure):  # mongomock's, in MongoDB's words
        return CommandError(problem.code or 2, str(problem))
    return bad_value(f"{command} cannot be done: {type(problem).__name__}: {problem}")


class Fenced(CommandError):
    """The term in which this server was primary is over, whether it was told or not."""

    def __init__(self) -> None:
        super().__init__(10107, "not primary", errorLabels=list(_RETRYABLE))


def not_primary(version: dict[str, Any], *, is_read: bool = False, is_retried: bool = False) -> CommandError:
    """Drivers look for the primary then; a write that may be `retried` is sent there once more.

    `version` is that of the greeting: by it they know whether they have heard of it already.
    """
    labels = {"errorLabels": list(_RETRYABLE)} if is_retried else {}
    code, text = (13435, "not primary and secondaryOk=false") if is_read else (10107, "not primary")
    return CommandError(code, text, topologyVersion=version, **labels)
