"""What the data plane is asked to be, as data: listeners, routes, upstreams. Knows nothing of Envoy's own format.

A controller describes its part as one `Fragment` and publishes it whole; what changed is found below.
"""

import re
from dataclasses import dataclass
from typing import Literal

LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _checked_name(name: str) -> None:
    """Names become file names and parts of statistics' names, where a dot or a slash would change their meaning."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a listener or upstream: letters, digits, - and _ only, at most 128")


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A loopback address something answers at. Positional like every (host, port) pair of the socket API."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Who serves behind a name. Without endpoints, requests are answered 503 and connections are closed at once."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    weights: tuple[int, ...] = ()
    """Of each endpoint, its part of the whole; without any, all have the same."""
    connect_timeout_s: float = 1.0
    balance: Literal["round-robin", "least-requests"] = "round-robin"
    is_announced: bool = False
    """Whether a connection begins with the PROXY protocol's header, which says at which address the client knocked."""

    def __post_init__(self) -> None:
        _checked_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpListener:
    """A loopback port whose connections are passed on byte by byte. `host` is one of 127.0.0.0/8."""

    name: str
    port: int
    upstream: str
    host: str = LOOPBACK

    def __post_init__(self) -> None:
        _checked_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a route: true when any of `patterns` fits.

    `path`, `host`, `header` and `query` patterns know `*` (any run of characters) and `?` (one character), and a
    backslash before one of them. Letters' case does not count but in `path`, unless it is said. A `header` has its
    name in `name`; a `query` pattern is `key=value`, or `=value` for any key. `method` is exact, `source` a CIDR block
    holding the peer's address.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """

    field: Literal["path", "host", "method", "header", "query", "source"]
    patterns: tuple[str, ...]
    name: str = ""
    is_case_sensitive: bool | None = None
    """Of a `path` or a `header`; None: as in an Application Load Balancer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the traffic: `weight` out of the sum of its siblings' weights."""

    upstream: str
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Send to one of the upstreams, by weight. No shares, or weights that sum to nothing: 503."""

    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Respond:
    """Answer at once, without a target."""

    status: int
    content_type: str = "text/plain; charset=utf-8"
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """Point the client elsewhere; `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}` are the request's own.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html
    """

    status: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The action for requests that fulfil every condition; the first route that fits wins."""

    action: Forward | Respond | Redirect
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpListener:
    """A loopback port that speaks HTTP as an Application Load Balancer, or VPC Lattice, does; what no route fits is
    answered 404.

    `public_port` is the port clients believe they talk to (`X-Forwarded-Port`); `group` names the load balancer whose
    statistics its requests count for. `idle_timeout_s` without a byte ends a request with 504. `host` is one of
    127.0.0.0/8.
    """

    name: str
    port: int
    routes: tuple[Route, ...] = ()
    public_port: int = 80
    group: str = ""
    idle_timeout_s: float = 60.0
    host: str = LOOPBACK
    kind: Literal["alb", "lattice"] = "alb"

    def __post_init__(self) -> None:
        _checked_name(self.name)


Listener = TcpListener | HttpListener


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One owner's part of the data plane. Names and ports are unique over all owners."""

    listeners: tuple[Listener, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
