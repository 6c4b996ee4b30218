"""The interceptors of the control plane, in the order in which a call meets them.

An API's own is named in its `Api`.
"""

import pkgutil
from typing import TYPE_CHECKING

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.audit import Audit
from infrastructure.embedded.gateway.call import Interceptor
from infrastructure.embedded.gateway.idempotency import Idempotency
from infrastructure.embedded.gateway.injected_errors import InjectedErrors

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends


def chain(backends: "Backends") -> tuple[Interceptor, ...]:
    """One of each, for the control plane over `backends`."""
    own = (pkgutil.resolve_name(name)(backends) for api in PROVIDERS for name in api.interceptors)
    return (Audit(), InjectedErrors(), Idempotency(), *own)
