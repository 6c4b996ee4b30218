"""What a controller gets: the one object that holds the parts of a running embedded cloud."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.pace import Pace
from infrastructure.state import StateFolder

if TYPE_CHECKING:  # controllers are built from these; at run time only the assembly needs to know them
    from infrastructure.embedded.control.metrics import Metrics
    from infrastructure.embedded.engines.warehouse.warehouse import Warehouse
    from infrastructure.embedded.gateway.pages import Page
    from infrastructure.embedded.gateway.routing import Owns
    from infrastructure.embedded.moto.records import Backends
    from infrastructure.embedded.network.edges import Network
    from infrastructure.embedded.network.envoy.model import Endpoint
    from infrastructure.embedded.network.envoy.process import Envoy


SetPassword = Callable[[str], Awaitable[None]]
"""Returns once the password counts. `EnvironmentFault`: not now, or nobody knows; the same one is to be set again."""


@dataclass(slots=True)
class Couplings:
    """What one API does for another beyond AWS's calls; the controller that does it sets it."""

    instance_endpoint: Callable[[str], "Endpoint | None"] = lambda _instance: None
    """EC2's, for load balancers: where what an instance serves is reached; None while it does not run."""
    balancer_endpoint: Callable[[str, int], "Endpoint | None"] = lambda _balancer, _port: None
    """Load balancing's, for VPC Lattice: where the listener of a load balancer (its ARN) at a port is reached."""
    lifecycle_state: Callable[[str], str | None] = lambda _instance: None
    """Auto Scaling's, for an instance's metadata: the state its group wants it in; None outside of groups."""
    master_passwords: list[Callable[[str], SetPassword | None]] = field(default_factory=list)
    """RDS's, DocumentDB's and Redshift's, for rotations: what sets the password of the master user of the cluster of
    that ARN; None when it is none of theirs, or deleted."""
    warehouse: Callable[[str], "Warehouse | None"] = lambda _cluster: None
    """Redshift's, for its Data API: the warehouse of a cluster; None when there is no such cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts every controller may use. Everything lives on the daemon's one event loop.

    `wake(name)` makes the controller of that signing name reconcile soon; an unknown name is a `KeyError`.
    `url` is the control plane's, for what calls any AWS API; empty where there is none (tests).
    """

    state: StateFolder
    pace: Pace
    region: str
    account: str
    keyring: Keyring
    supervisor: Supervisor
    ports: Ports
    envoy: "Envoy"
    network: "Network"
    metrics: "Metrics"
    backends: "Backends"
    wake: Callable[[str], None]
    url: str = ""
    pages: "dict[str, Page]" = field(default_factory=dict)
    """Pages of the control plane that a controller answers, by name; it adds them when it is made."""
    couplings: Couplings = field(default_factory=Couplings)
    owners: "dict[str, Owns]" = field(default_factory=dict)
    """By an API that shares its signing name with another what tells its calls; the API's controller adds it."""
