"""The resource types a template may use. Importing it imports moto and makes them known to its CloudFormation."""

from moto.cloudformation import parsing

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.apis.application_autoscaling.resources import ScalableTarget, ScalingPolicy
from infrastructure.embedded.apis.cloudwatch.resources import Alarm
from infrastructure.embedded.apis.ec2.resources import SecurityGroupEgress, SecurityGroupIngress
from infrastructure.embedded.apis.ecs.resources import EcsCluster, EcsService, EcsTaskDefinition
from infrastructure.embedded.apis.elasticache.resources import CacheReplicationGroup, CacheSubnetGroup
from infrastructure.embedded.apis.elbv2.resources import Listener, ListenerRule, LoadBalancer, TargetGroup
from infrastructure.embedded.apis.lambda_.resources import (
    LambdaEventSourceMapping,
    LambdaFunction,
    LambdaLayerVersion,
)
from infrastructure.embedded.apis.rds.resources import (
    DbCluster,
    DbClusterParameterGroup,
    DbInstance,
    DbSubnetGroup,
)
from infrastructure.embedded.apis.s3.resources import Bucket
from infrastructure.embedded.apis.secretsmanager.resources import Secret
from infrastructure.embedded.stacks.moto_types import MOTO_TYPES
from infrastructure.embedded.stacks.resource import Resource

_PACKAGES = frozenset(api.moto for api in PROVIDERS) - {"cloudformation"}
TYPES: tuple[type[Resource], ...] = (
    Alarm,
    Bucket,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbCluster,
    DbClusterParameterGroup,
    DbInstance,
    DbSubnetGroup,
    EcsCluster,
    EcsService,
    EcsTaskDefinition,
    LambdaEventSourceMapping,
    LambdaFunction,
    LambdaLayerVersion,
    Listener,
    ListenerRule,
    LoadBalancer,
    ScalableTarget,
    ScalingPolicy,
    Secret,
    SecurityGroupEgress,
    SecurityGroupIngress,
    TargetGroup,
)


def provided() -> frozenset[str]:
    """The types a template may use: ours, and those of moto's that are of a provided API and can be deleted again."""
    return frozenset(kind for kind, found in parsing.get_model_map().items() if _is_provided(kind, found))


def _is_provided(kind: str, found: type) -> bool:
    if issubclass(found, Resource) or kind in MOTO_TYPES:
        return True
    is_deletable = hasattr(found, "delete") or "delete_from_cloudformation_json" in vars(found)
    return found.__module__.split(".")[1] in _PACKAGES and is_deletable
