"""The faults there are. One file each; adding one is its file and its line in `FAULTS`."""

from infrastructure.errors import UsageError
from plugins.chaos.fault import Fault
from plugins.chaos.faults.alb_routing_failure import AlbRoutingFailure
from plugins.chaos.faults.dynamodb_throttle import DynamoDbThrottle
from plugins.chaos.faults.ecs_task_kill import EcsTaskKill
from plugins.chaos.faults.elasticache_flush import ElastiCacheFlush
from plugins.chaos.faults.lambda_concurrency_exhaustion import LambdaConcurrencyExhaustion
from plugins.chaos.faults.rds_failover import RdsFailover

FAULTS: tuple[Fault, ...] = (
    AlbRoutingFailure(),
    RdsFailover(),
    DynamoDbThrottle(),
    ElastiCacheFlush(),
    EcsTaskKill(),
    LambdaConcurrencyExhaustion(),
)


def fault(name: str) -> Fault:
    """The fault called `name`; `UsageError` names the known ones."""
    for candidate in FAULTS:
        if candidate.name == name:
            return candidate
    raise UsageError(f"no fault is called {name!r}; known: {', '.join(known.name for known in FAULTS)}")
