"""The resource types of this package. Importing it imports moto and makes them known to its CloudFormation."""

from infrastructure.embedded.cloudformation.alarm import Alarm
from infrastructure.embedded.cloudformation.ecs import EcsCluster, EcsService, EcsTaskDefinition
from infrastructure.embedded.cloudformation.elasticache import CacheReplicationGroup, CacheSubnetGroup
from infrastructure.embedded.cloudformation.elbv2 import Listener, ListenerRule, LoadBalancer, TargetGroup
from infrastructure.embedded.cloudformation.resource import Resource
from infrastructure.embedded.cloudformation.scaling import ScalableTarget, ScalingPolicy
from infrastructure.embedded.cloudformation.secret import Secret
from infrastructure.embedded.cloudformation.security_group_rules import SecurityGroupEgress, SecurityGroupIngress

TYPES: tuple[type[Resource], ...] = (
    Alarm,
    CacheReplicationGroup,
    CacheSubnetGroup,
    EcsCluster,
    EcsService,
    EcsTaskDefinition,
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
