"""The interceptors of the control plane, in the order in which a call meets them. One more is its file and its line."""

from typing import TYPE_CHECKING

from infrastructure.embedded.apis.dynamodb.conflicts import Conflicts
from infrastructure.embedded.apis.dynamodb.partiql.calls import Statements
from infrastructure.embedded.apis.dynamodb.throttling import Throttling
from infrastructure.embedded.apis.sqs.long_poll import LongPoll
from infrastructure.embedded.apis.sqs.recreation import Recreation
from infrastructure.embedded.gateway.audit import Audit
from infrastructure.embedded.gateway.call import Interceptor
from infrastructure.embedded.gateway.idempotency import Idempotency
from infrastructure.embedded.gateway.injected_errors import InjectedErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from infrastructure.embedded.moto.records import Backends

INTERCEPTORS: "tuple[Callable[[Backends], Interceptor], ...]" = (
    lambda _backends: Audit(),
    lambda _backends: InjectedErrors(),
    lambda _backends: Idempotency(),
    Statements,
    Conflicts,
    Throttling,
    Recreation,
    LongPoll,
)


def chain(backends: "Backends") -> tuple[Interceptor, ...]:
    """One of each, for the control plane over `backends`."""
    return tuple(build(backends) for build in INTERCEPTORS)
