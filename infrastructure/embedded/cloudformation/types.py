"""The resource types a template may use. Importing it imports moto and makes them known to its CloudFormation."""

from moto.cloudformation import parsing

from infrastructure.embedded.apis import APIS
from infrastructure.embedded.cloudformation.alarm import Alarm
from infrastructure.embedded.cloudformation.bucket import Bucket
from infrastructure.embedded.cloudformation.ecs import EcsCluster, EcsService, EcsTaskDefinition
from infrastructure.embedded.cloudformation.elasticache import CacheReplicationGroup, CacheSubnetGroup
from infrastructure.embedded.cloudformation.elbv2 import Listener, ListenerRule, LoadBalancer, TargetGroup
from infrastructure.embedded.cloudformation.lambda_types import (
    LambdaEventSourceMapping,
    LambdaFunction,
    LambdaLayerVersion,
)
from infrastructure.embedded.cloudformation.moto_types import MOTO_TYPES
from infrastructure.embedded.cloudformation.rds import (
    DbCluster,
    DbClusterParameterGroup,
    DbInstance,
    DbSubnetGroup,
)
from infrastructure.embedded.cloudformation.resource import Resource
from infrastructure.embedded.cloudformation.scaling import ScalableTarget, ScalingPolicy
from infrastructure.embedded.cloudformation.secret import Secret
from infrastructure.embedded.cloudformation.security_group_rules import SecurityGroupEgress, SecurityGroupIngress

_PACKAGES = frozenset(api.moto for api in APIS) - {"cloudformation"}
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
