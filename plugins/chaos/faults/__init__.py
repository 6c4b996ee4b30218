"""The faults there are. One file each; adding one is its file and its line in `FAULTS`.

One that is done to a service has the first of its kind here, which is what the contract tests need; a scenario names
its own. Whoever undoes goes by the plan: it holds the targets.
"""

from infrastructure.errors import UsageError
from plugins.chaos.fault import Fault
from plugins.chaos.faults.alb_routing_failure import AlbRoutingFailure
from plugins.chaos.faults.az_outage import AzOutage
from plugins.chaos.faults.dynamodb_throttle import DynamoDbThrottle
from plugins.chaos.faults.ecs_task_kill import EcsTaskKill
from plugins.chaos.faults.eks_node_drain import EksNodeDrain
from plugins.chaos.faults.elasticache_flush import ElastiCacheFlush
from plugins.chaos.faults.lambda_concurrency_exhaustion import LambdaConcurrencyExhaustion
from plugins.chaos.faults.rds_failover import RdsFailover
from plugins.chaos.faults.security_group_lockdown import SecurityGroupLockdown
from plugins.chaos.faults.stream_worker_kill import StreamWorkerKill
from services.catalog import functions, http_services, services_on

FAULTS: tuple[Fault, ...] = (
    AlbRoutingFailure(service=http_services()[0]),
    RdsFailover(),
    AzOutage(tasks=services_on("ecs")[0], instances=services_on("ec2"), pods=services_on("eks")),
    DynamoDbThrottle(),
    ElastiCacheFlush(),
    EcsTaskKill(service=services_on("ecs")[0]),
    EksNodeDrain(services=services_on("eks")),
    LambdaConcurrencyExhaustion(service=functions()[0]),
    SecurityGroupLockdown(),
    StreamWorkerKill(service=services_on("ec2")[0]),
)


def fault(name: str) -> Fault:
    """The fault called `name`; `UsageError` names the known ones."""
    for candidate in FAULTS:
        if candidate.name == name:
            return candidate
    raise UsageError(f"no fault is called {name!r}; known: {', '.join(known.name for known in FAULTS)}")
