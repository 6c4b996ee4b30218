"""What an AWS API is here, as data: how its calls are recognised, who keeps its records, which of its calls count.

An operation may be answered when it is a read, a declared effect, or a declared record with the reason why nothing else
happens. Any other is refused: a chaos test must never pass on a call that did nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["json", "query", "ec2", "rest-json", "rest-xml"]

_READS = ("BatchGet", "Check", "Describe", "Download", "Estimate", "Filter", "Get", "Head", "List", "Lookup")
_READS_TOO = frozenset(
    {
        "AssumeRole",
        "BatchCheckLayerAvailability",
        "Query",
        "ReceiveMessage",
        "Scan",
        "TransactGetItems",
        "ValidateTemplate",
    }
)


def names(text: str) -> frozenset[str]:
    """The operations in a text that lists them."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A member that makes an operation idempotent, and what this API makes of one that comes again.

    Within `kept_s` after the call that succeeded with it, the same call is answered as then and does nothing; another
    call with it is refused as `mismatch`. One that `names` what is made needs no memory: its records tell.
    """

    member: str
    kept_s: float = 86_400.0
    mismatch: str = ""
    message: str = ""
    busy: str = ""
    """Error code while the first call is under way; empty: the same call waits for it."""
    names: str = ""
    """What the token is the name of; the API's own records then say whether it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One AWS API. `name` is its signing name; `version`, `target` and `path` tell apart those that share one."""

    name: str
    model: str = ""
    """Its name in botocore, whose service model describes its operations; empty: as it is signed."""
    moto: str = ""
    """Package below `moto` that keeps its records; empty when a controller keeps them and answers the calls itself."""
    handler: str = ""
    """Class in `moto.<moto>.responses`; empty for REST-XML, which only moto's WSGI application can route."""
    protocol: Protocol
    version: str = ""
    target: str = ""
    """Prefix of X-Amz-Target in the JSON protocol."""
    path: str = ""
    """How the path of every call begins, where another API shares the signing name (API Gateway's two versions)."""
    engines: frozenset[str] = frozenset()
    """Values of `Engine`, or of an `engine` filter, that are its own, where another shares all else (DocumentDB)."""
    data: frozenset[str] = frozenset()
    """Operations of the data plane: no controller needs to hear of them, no audit keeps them."""
    reads: frozenset[str] | None = None
    """The reads that are answered, where moto has others that would be answered wrongly; None: all of moto's."""
    refused: frozenset[str] = frozenset()
    """Operations of moto's that tell of what is not there; they are not answered."""
    effects: Mapping[str, str] = field(default_factory=dict)
    """Operations of moto's that do here what they do on AWS, and what that is. Our own declare theirs themselves."""
    kinder: Mapping[str, str] = field(default_factory=dict)
    """Operations with a real effect that is tidier or sooner than AWS's at any pace, and how; for PARITY.md."""
    records: Mapping[str, str] = field(default_factory=dict)
    """Operations that are records only, by the reason why nothing else happens; `*` for all that moto has."""
    note: str = ""
    """What else a caller must know; for PARITY.md."""
    is_global: bool = False
    """Signed for us-east-1 wherever the caller is."""
    body_limit: int = 1 << 20
    """Bytes that a body may have: AWS's own limit for batches, base64 included."""
    invalid: str = ""
    """Error code for a member that is not as the model says; empty: the protocol's usual one."""
    invalid_at: Mapping[str, str] = field(default_factory=dict)
    """Error codes for members that are not as the model says, by how their places begin (`attributes`)."""
    unchecked: Mapping[str, str] = field(default_factory=dict)
    """By operation a member whose model is stricter than AWS is; the API's rules check it instead."""
    missing: str = ""
    """Error code for a required member that is not there; empty: as `invalid`."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Operations in which moto fails when what they are about is not there or not given; AWS's error code for that."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Error codes of moto's that are none of this API's, and what AWS says instead; `Operation:Code` for one alone."""
    tokens: Mapping[str, Token] = field(default_factory=dict)
    """The operations that take an idempotency token; a test holds them against botocore's model."""
    interceptors: tuple[str, ...] = ()
    """`module:class` of each that sees its calls, and no others, before they are answered, in this order."""
    controller: str = ""
    """`module:class` of its controller, imported once moto is; empty: its records are all there is."""
    rules: str = ""
    """Module with the table of what it refuses that its service model does not say; see `rules`."""
    uploads: str = ""
    """`module:function` that reads forms with a file (`UploadReader`); empty: it takes none."""
    resources: str = ""
    """Module of its CloudFormation types, imported with the first stack; empty: it has none."""

    @property
    def model_name(self) -> str:
        return self.model or self.name

    @property
    def key(self) -> str:
        """What this cloud knows it by: as it is signed, but for one that shares that with another (DocumentDB)."""
        return self.model_name if self.engines else self.name

    def is_read(self, operation: str) -> bool:
        return operation in _READS_TOO or operation.startswith(_READS)

    def is_mutation(self, operation: str) -> bool:
        """Whether `operation` changes what controllers follow."""
        return operation not in self.data and not self.is_read(operation)

    def reason(self, operation: str) -> str | None:
        """Why `operation` is a record only; None when it is not declared as one."""
        found = (why for why, listed in self.records.items() if operation in listed.split() or listed == "*")
        return next(found, None)

    def allows(self, operation: str) -> bool:
        """Whether moto may answer `operation`, if it implements it."""
        if operation in self.data:
            return True
        if operation in self.refused:
            return False
        if self.is_read(operation):
            return self.reads is None or operation in self.reads
        return operation in self.effects or self.reason(operation) is not None
