"""Where Locust's master and workers meet: on this machine's loopback, and each command line on a port of its own.

Locust's defaults are every interface and port 5557. Two runs on one machine would then take each other's workers: one
master finds its port taken, its workers carry the other's load, and both verdicts are worth nothing. Who spreads a run
over machines gives the address and the port, as with Locust itself: `--master-bind-host`, `--master-port`.
"""

from functools import cache
from typing import Any

from infrastructure.embedded.host.ports import Ports

_LOOPBACK = "127.0.0.1"
_ports = Ports()
"""Claimed as long as this process or a fork of it lives."""


def keep_local(parser: Any) -> None:
    """Set the defaults of Locust's `parser`; what a person gives still wins. Call it when every option is declared."""
    parser.set_defaults(master_bind_host=_LOOPBACK)
    if _forks_workers(parser):
        port = _port()
        parser.set_defaults(master_bind_port=port, master_port=port)


def _forks_workers(parser: Any) -> bool:
    """Whether `--processes` is asked for, wherever Locust reads options from; elsewhere master and workers are started
    apart, and can only know each other's port if it is always the same.
    """
    options, _ = parser.parse_known_args()
    return bool(options.processes) and not options.worker


@cache
def _port() -> int:
    return _ports.allocate()
