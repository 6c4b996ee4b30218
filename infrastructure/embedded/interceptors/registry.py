"""The interceptors of the control plane, in the order in which a call meets them. One more is its file and its line."""

from typing import TYPE_CHECKING

from infrastructure.embedded.interceptors import Interceptor
from infrastructure.embedded.interceptors.api_errors import InjectedErrors
from infrastructure.embedded.interceptors.audit import Audit
from infrastructure.embedded.interceptors.long_poll import LongPoll
from infrastructure.embedded.interceptors.throttling import Throttling

if TYPE_CHECKING:
    from collections.abc import Callable

    from infrastructure.embedded.backends import Backends

INTERCEPTORS: "tuple[Callable[[Backends], Interceptor], ...]" = (
    lambda _backends: Audit(),
    lambda _backends: InjectedErrors(),
    Throttling,
    LongPoll,
)


def chain(backends: "Backends") -> tuple[Interceptor, ...]:
    """One of each, for the control plane over `backends`."""
    return tuple(build(backends) for build in INTERCEPTORS)
