"""The services of the platform as data: what runs where, what each calls, which story stresses it.

The only module of this package that the infrastructure reads. Adding a service is one entry in `SERVICES`.
"""

from dataclasses import dataclass
from typing import Literal

Platform = Literal["ecs", "eks", "lambda", "ec2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One thing a service calls. In the embedded cloud each edge is a proxy listener of its own.

    `variable` is the environment variable that hands the service the edge's address, `form` how the address is
    written into it, with `{host}` and `{port}`.
    """

    upstream: str
    variable: str
    form: str = "http://{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StressScenario:
    """The story that drives a service to its CPU target; lengths in seconds, the target in percent of its allotment."""

    name: str
    story: str
    target_cpu: float
    tolerance: float
    full_s: float
    quick_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its platform, its entry point, the path it answers under and the edges it needs.

    `image` is the repository name that a task definition refers to; `entry` is `module:function` of a callable
    that takes no argument, reads its settings from the environment and serves until SIGTERM.
    """

    name: str
    platform: Platform
    image: str
    entry: str
    route: str
    edges: tuple[Edge, ...]
    stress: StressScenario

    @property
    def health_path(self) -> str:
        return f"{self.route}/health"

    @property
    def stress_path(self) -> str:
        return f"{self.route}/stress/{self.stress.name}"


def _aws(api: str) -> Edge:
    """An edge to an AWS API, in the variable that every AWS SDK reads for that service."""
    return Edge(upstream=api, variable=f"AWS_ENDPOINT_URL_{api.upper()}")


SERVICES: tuple[Service, ...] = (
    Service(
        name="order",
        platform="ecs",
        image="cloudcafe/order",
        entry="services.order.app:serve",
        route="/api/orders",
        edges=(
            _aws("dynamodb"),
            _aws("sqs"),
            _aws("kinesis"),
            _aws("cloudwatch"),
            Edge(upstream="secretsmanager", variable="AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            Edge(upstream="elasticache", variable="CAFE_ELASTICACHE_URL", form="redis://{host}:{port}/0"),
        ),
        stress=StressScenario(
            name="morning-rush",
            story="Morning Rush: corporate bulk orders at 7:45 on a Monday",
            target_cpu=95.0,
            tolerance=5.0,
            full_s=300.0,
            quick_s=10.0,
        ),
    ),
)


def service(name: str) -> Service:
    """The service called `name`; `KeyError` names the known ones."""
    for candidate in SERVICES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no service is called {name!r}; the catalogue has {', '.join(s.name for s in SERVICES)}")


def service_of_image(image: str) -> Service:
    """The service behind a container image reference, whatever registry and tag; `KeyError` names the known ones."""
    repository = image.rsplit("@", 1)[0].rsplit(":", 1)[0]
    for candidate in SERVICES:
        if repository == candidate.image or repository.endswith(f"/{candidate.image}"):
            return candidate
    raise KeyError(f"no service is built into image {image!r}; known images: {', '.join(s.image for s in SERVICES)}")
