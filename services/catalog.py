"""The services of the platform as data: what runs where, what each calls, which story stresses it.

The only module of this package that the infrastructure reads. Adding a service is one entry in `SERVICES`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SERVE = "services.serve"
"""The program that becomes one of them, by its name."""

Platform = Literal["ecs", "eks", "lambda", "ec2"]
Entrance = Literal["alb", "nlb", "operations"]
"""Where a service is reached; `operations` is a port that serves operators and health checks alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One thing a service calls. In the embedded cloud each edge is a proxy listener of its own.

    `variable` is the environment variable that hands the service the edge's address, `form` how the address is
    written into it, with `{host}`, `{port}` and the upstream's `{password}`.
    """

    upstream: str
    variable: str
    form: str = "http://{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StressScenario:
    """The story that drives a service to its CPU target; lengths in seconds, the target in percent of its allotment.

    `work` is `module:function` of what the processes do that burn the CPU, see chassis/stress/worker.py. What it gets
    done is counted in the service's CloudWatch metric `counts`, in `units`.
    """

    name: str
    work: str
    story: str
    target_cpu: float
    tolerance: float
    full_s: float
    quick_s: float
    counts: str = "StressUnits"
    units: str = "units"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeScenario:
    """The story of a surge from nothing: `at_once` checkouts at the same moment, and again, `full` or `quick` times."""

    name: str
    story: str
    p99_ms: float
    at_once: int
    full: int
    quick: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its platform, its entry point and the edges it needs.

    `promise`: what it keeps while another one is under stress, as objectives on light requests.
    """

    name: str
    platform: Platform
    entry: str
    edges: tuple[Edge, ...]
    promise: tuple[str, ...] = ("p95 <= 500 ms", "errors <= 0 %")

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that its processes begin with; what they import follows from them."""
        return (self.entry.partition(":")[0],)

    @property
    def namespace(self) -> str:
        """Of its own CloudWatch metrics."""
        return f"CloudCafe/{self.name.capitalize()}"

    def key(self, what: str) -> str:
        """The parameter or output of the templates that is this service's `what`: `OrderServiceName`, for one."""
        return f"{self.name.capitalize()}{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A GET that asks the service's own store and changes nothing: its path below the route, and the right status."""

    path: str = "/health"
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService(Service):
    """A service that answers HTTP under a path of a load balancer, its `entrance`.

    `image` is the repository name that a task definition refers to; `entry` is `module:function` of a callable
    that takes no argument, reads its settings from the environment and serves until SIGTERM. `reading` is a light
    request to it.
    """

    image: str
    route: str
    stress: StressScenario
    entrance: Entrance = "alb"
    reading: Reading = Reading()

    @property
    def modules(self) -> tuple[str, ...]:
        return (SERVE, self.entry.partition(":")[0], self.stress.work.partition(":")[0])

    @property
    def health_path(self) -> str:
        return f"{self.route}/health"

    @property
    def stress_path(self) -> str:
        return f"{self.route}/stress/{self.stress.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionService(Service):
    """A service that is a Lambda function: `entry` is `module:function` of its handler, which takes event and context.

    Importing the module is the sandbox's Init phase: it reads the settings and makes the connections.
    """

    stress: SurgeScenario

    @property
    def handler(self) -> str:
        """The entry point as Lambda's `Handler` has it."""
        return self.entry.replace(":", ".")


def _aws(api: str, service_id: str = "") -> Edge:
    """An edge to an AWS API, in the variable that every AWS SDK reads for that service: by its id, else its name."""
    return Edge(upstream=api, variable=f"AWS_ENDPOINT_URL_{service_id or api.upper()}")


SERVICES: tuple[Service, ...] = (
    HttpService(
        name="order",
        platform="ecs",
        image="cloudcafe/order",
        entry="services.order.app:serve",
        promise=("p95 <= 250 ms", "errors <= 0 %"),
        route="/api/orders",
        reading=Reading(path="/00000000000000000000000000", status=404),
        edges=(
            _aws("dynamodb"),
            _aws("sqs"),
            _aws("kinesis"),
            _aws("cloudwatch"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
            Edge(upstream="elasticache", variable="CAFE_ELASTICACHE_URL", form="redis://:{password}@{host}:{port}/0"),
            Edge(upstream="lattice-menu", variable="CAFE_MENU_URL"),
            Edge(upstream="lattice-inventory", variable="CAFE_INVENTORY_URL"),
        ),
        stress=StressScenario(
            name="morning-rush",
            work="services.order.stress:bulk_orders",
            story="Morning Rush: corporate bulk orders at 7:45 on a Monday",
            target_cpu=95.0,
            tolerance=5.0,
            full_s=300.0,
            quick_s=10.0,
            counts="BulkOrdersPriced",
            units="orders",
        ),
    ),
    HttpService(
        name="loyalty",
        platform="ec2",
        image="cloudcafe/loyalty",
        entry="services.loyalty.app:serve",
        promise=("p95 <= 250 ms", "errors <= 0 %"),
        route="/loyalty",
        entrance="nlb",
        reading=Reading(path="/leaderboard?limit=1"),
        edges=(
            _aws("cloudwatch"),
            _aws("s3"),
            _aws("redshift-data", "REDSHIFT_DATA"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
            Edge(upstream="aurora-writer", variable="CAFE_AURORA_WRITER_URL", form="postgresql://{host}:{port}/cafe"),
            Edge(upstream="memorydb", variable="CAFE_MEMORYDB_URL", form="redis://:{password}@{host}:{port}/0"),
        ),
        stress=StressScenario(
            name="batch-calculation",
            work="services.loyalty.stress:batch",
            story="Batch Calculation: hourly points recalculation for 10 million customers",
            target_cpu=100.0,
            tolerance=5.0,
            full_s=720.0,
            quick_s=10.0,
            counts="CustomersRecalculated",
            units="customers",
        ),
    ),
    HttpService(
        name="menu",
        platform="eks",
        image="cloudcafe/menu",
        entry="services.menu.app:serve",
        promise=("p95 <= 250 ms", "errors <= 0 %"),
        route="/api/menu",
        reading=Reading(path="/items?limit=1"),
        edges=(
            Edge(
                upstream="documentdb",
                variable="CAFE_DOCUMENTDB_URL",
                form="mongodb://{host}:{port}/?replicaSet=rs0&retryWrites=true",
            ),
            Edge(upstream="elasticache", variable="CAFE_ELASTICACHE_URL", form="redis://:{password}@{host}:{port}/0"),
            _aws("cloudwatch"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
        ),
        stress=StressScenario(
            name="menu-sync",
            work="services.menu.stress:launch",
            story="Menu Sync Storm: seasonal menu launch (pumpkin spice)",
            target_cpu=70.0,
            tolerance=5.0,
            full_s=180.0,
            quick_s=10.0,
            counts="MenusDiffed",
            units="menus",
        ),
    ),
    HttpService(
        name="analytics",
        platform="ec2",
        image="cloudcafe/analytics",
        entry="services.analytics.worker:serve",
        route="/analytics",
        entrance="operations",
        edges=(
            _aws("kinesis"),
            _aws("dynamodb"),
            _aws("s3"),
            _aws("redshift-data", "REDSHIFT_DATA"),
            _aws("cloudwatch"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
            Edge(upstream="elasticache", variable="CAFE_ELASTICACHE_URL", form="redis://:{password}@{host}:{port}/0"),
        ),
        stress=StressScenario(
            name="query-storm",
            work="services.analytics.stress:reports",
            story="Query Storm: end-of-quarter revenue reports, 500 concurrent queries",
            target_cpu=90.0,
            tolerance=5.0,
            full_s=600.0,
            quick_s=10.0,
            counts="ReportsFingerprinted",
            units="reports",
        ),
    ),
    HttpService(
        name="inventory",
        platform="eks",
        image="cloudcafe/inventory",
        entry="services.inventory.app:serve",
        promise=("p95 <= 250 ms", "errors <= 0 %"),
        route="/api/inventory",
        reading=Reading(path="/store/store-001"),
        edges=(
            _aws("cloudwatch"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
            Edge(upstream="aurora-writer", variable="CAFE_AURORA_WRITER_URL", form="postgresql://{host}:{port}/cafe"),
            Edge(upstream="elasticache", variable="CAFE_ELASTICACHE_URL", form="redis://:{password}@{host}:{port}/0"),
        ),
        stress=StressScenario(
            name="restock",
            work="services.inventory.stress:restock",
            story="Restock Storm: weekly inventory sync for all stores",
            target_cpu=80.0,
            tolerance=5.0,
            full_s=180.0,
            quick_s=10.0,
            counts="RowsMerged",
            units="rows",
        ),
    ),
    FunctionService(
        name="payment",
        platform="lambda",
        entry="services.payment.handler:handle",
        edges=(
            _aws("dynamodb"),
            _aws("sqs"),
            _aws("kinesis"),
            _aws("cloudwatch"),
            _aws("secretsmanager", "SECRETS_MANAGER"),
            Edge(
                upstream="aurora-writer",
                variable="CAFE_AURORA_WRITER_URL",
                form="postgresql://{host}:{port}/cafe",
            ),
            Edge(upstream="nlb", variable="CAFE_NLB_URL"),
        ),
        stress=SurgeScenario(
            name="cold-start",
            story="Cold Start Avalanche: Black Friday checkout surge",
            p99_ms=3000.0,
            at_once=50,
            full=20,
            quick=6,
        ),
    ),
)


def services_on(platform: Platform) -> tuple[Service, ...]:
    """Those that run on `platform`."""
    return tuple(one for one in SERVICES if one.platform == platform)


def http_services() -> tuple[HttpService, ...]:
    """Those that answer behind a load balancer."""
    return tuple(one for one in SERVICES if isinstance(one, HttpService))


def containers() -> tuple[HttpService, ...]:
    """Those of them that run in containers, from images."""
    return tuple(one for one in http_services() if one.platform in ("ecs", "eks"))


def functions() -> tuple[FunctionService, ...]:
    """Those that are Lambda functions."""
    return tuple(one for one in SERVICES if isinstance(one, FunctionService))


def http_service(name: str) -> HttpService:
    """The HTTP service called `name`; `KeyError` names the known ones."""
    for candidate in http_services():
        if candidate.name == name:
            return candidate
    raise KeyError(f"no HTTP service is called {name!r}; the catalogue has {_names(http_services())}")


def function(name: str) -> FunctionService:
    """The Lambda function called `name`; `KeyError` names the known ones."""
    for candidate in functions():
        if candidate.name == name:
            return candidate
    raise KeyError(f"no function is called {name!r}; the catalogue has {_names(functions())}")


def service_of_image(image: str) -> HttpService:
    """The service behind a container image reference, whatever registry and tag; `KeyError` names the known ones."""
    repository = image.rsplit("@", 1)[0].rsplit(":", 1)[0]
    for candidate in containers():
        if repository == candidate.image or repository.endswith(f"/{candidate.image}"):
            return candidate
    known = ", ".join(one.image for one in containers())
    raise KeyError(f"no service is built into image {image!r}; known images: {known}")


def _names(services: Sequence[Service]) -> str:
    return ", ".join(one.name for one in services)
