"""The chaos catalogue: one file a scenario, in the order of their numbers."""

from plugins.chaos.scenario import Scenario
from suites.chaos.alb_routing_failure import ALB_ROUTING_FAILURE
from suites.chaos.dynamodb_throttle import DYNAMODB_THROTTLE
from suites.chaos.ecs_task_kill import ECS_TASK_KILL
from suites.chaos.elasticache_flush import ELASTICACHE_FLUSH

SCENARIOS: tuple[Scenario, ...] = (
    ALB_ROUTING_FAILURE,
    DYNAMODB_THROTTLE,
    ELASTICACHE_FLUSH,
    ECS_TASK_KILL,
)
