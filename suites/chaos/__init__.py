"""The chaos catalogue: one file a scenario, in the order of their numbers."""

from plugins.chaos.scenario import Scenario
from suites.chaos.alb_routing_failure import ALB_ROUTING_FAILURE
from suites.chaos.analytics_worker_loss import ANALYTICS_WORKER_LOSS
from suites.chaos.az_outage import AZ_OUTAGE
from suites.chaos.dynamodb_throttle import DYNAMODB_THROTTLE
from suites.chaos.ecs_task_kill import ECS_TASK_KILL
from suites.chaos.eks_node_drain import EKS_NODE_DRAIN
from suites.chaos.elasticache_flush import ELASTICACHE_FLUSH
from suites.chaos.lambda_concurrency_exhaustion import LAMBDA_CONCURRENCY_EXHAUSTION
from suites.chaos.rds_failover import RDS_FAILOVER
from suites.chaos.security_group_lockdown import SECURITY_GROUP_LOCKDOWN

SCENARIOS: tuple[Scenario, ...] = (
    ALB_ROUTING_FAILURE,
    AZ_OUTAGE,
    RDS_FAILOVER,
    DYNAMODB_THROTTLE,
    ELASTICACHE_FLUSH,
    ECS_TASK_KILL,
    EKS_NODE_DRAIN,
    LAMBDA_CONCURRENCY_EXHAUSTION,
    ANALYTICS_WORKER_LOSS,
    SECURITY_GROUP_LOCKDOWN,
)
