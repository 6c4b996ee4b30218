"""AWS::ECS::Cluster, TaskDefinition and Service, with all their properties."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att, prop

_ON_UPDATE = (
    "DeploymentConfiguration",
    "DesiredCount",
    "HealthCheckGracePeriodSeconds",
    "LoadBalancers",
    "NetworkConfiguration",
    "PropagateTags",
    "TaskDefinition",
)
"""What changes is sent and no more: the desired count may be target tracking's by now."""

TYPES = (
    ResourceType(
        "AWS::ECS::Cluster",
        "ecs",
        name="ClusterName",
        key={"cluster": REF},
        create=Step("CreateCluster"),
        describe=Step("DescribeClusters"),
        item="clusters",
        attributes={"Arn": "clusterArn"},
        tags=Tags("TagResource", "UntagResource", {"resourceArn": att("Arn")}),
        delete=Step("DeleteCluster"),
        gone={"status": "INACTIVE"},
    ),
    ResourceType(
        "AWS::ECS::TaskDefinition",
        "ecs",
        name="Family",
        key={"taskDefinition": REF},
        create=Step("RegisterTaskDefinition"),
        is_versioned=True,
        ref="taskDefinition.taskDefinitionArn",
        attributes={"TaskDefinitionArn": REF},
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step("DeregisterTaskDefinition"),
    ),
    ResourceType(
        "AWS::ECS::Service",
        "ecs",
        name="ServiceName",
        key={"cluster": prop("Cluster"), "service": REF},
        create=Step("CreateService"),
        normal=lambda properties: {"DesiredCount": 1, **properties},
        ref="service.serviceArn",
        describe=Step("DescribeServices"),
        item="services",
        attributes={"Name": "serviceName", "ServiceArn": REF},
        changes=(Step("UpdateService", _ON_UPDATE),),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step("DeleteService", where={"force": True}),
        gone={"status": "INACTIVE"},
    ),
)
