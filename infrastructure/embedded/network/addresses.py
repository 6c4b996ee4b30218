"""Where a load balancer's DNSName leads, and a Lattice service's: an address of loopback that is its own, since no name
resolves everywhere.

    http://DNSName/          where the listener's port is open to every process (on Linux from
                             net.ipv4.ip_unprivileged_port_start on, so port 80 in most containers)
    http://DNSName:port/     otherwise, at a free port

Which of the two a listener has, DescribeTags says of it: `aws:cloudcafe:url`. A system without addresses beside
127.0.0.1 (macOS) has all load balancers there, each listener at a free port. No name below amazonaws.com is made up:
it would be a stranger's.
"""

import hashlib
import socket
from contextlib import closing
from functools import cache
from pathlib import Path

from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint

URL_TAG = "aws:cloudcafe:url"
"""Tools leave tags alone that begin with `aws:`."""
_LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def address_of(arn: str) -> str:
    """The address of the load balancer, the same whenever it is asked for."""
    if not has_own_addresses():
        return LOOPBACK
    first, second, third = hashlib.sha256(arn.encode()).digest()[:3]
    return f"127.{64 + first % 128}.{second}.{1 + third % 254}"


def entrance(host: str, wanted: int, port: int) -> Endpoint:
    """Where clients find a listener: at the port it is configured with, else at `port`, which is free."""
    return Endpoint(host, wanted if host != LOOPBACK and wanted >= lowest_port() and is_free(host, wanted) else port)


def url(endpoint: Endpoint) -> str:
    """Without the port that HTTP has anyway."""
    return f"http://{endpoint.host}" if endpoint.port == 80 else f"http://{endpoint.host}:{endpoint.port}"


@cache
def has_own_addresses() -> bool:
    """Whether all of 127.0.0.0/8 is this machine's own."""
    return is_free("127.64.0.1", 0)


@cache
def lowest_port() -> int:
    """The first port that any process may listen on, whoever runs it."""
    try:
        return int(_LOWEST_PORT.read_text(encoding="ascii"))
    except OSError:
        return 1024


def is_free(host: str, port: int) -> bool:
    """Whether something can listen there; what TIME_WAIT holds does not count."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
