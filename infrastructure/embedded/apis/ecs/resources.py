"""AWS::ECS::Cluster, TaskDefinition and Service, with all their properties."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att, prop

_SERVICE = {"cluster": prop("Cluster"), "service": REF}
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
        create=Step("CreateCluster"),
        describe=Step("DescribeClusters", {"clusters": REF}),
        item="clusters",
        attributes={"Arn": "clusterArn"},
        tags=Tags("TagResource", "UntagResource", {"resourceArn": att("Arn")}),
        delete=Step("DeleteCluster", {"cluster": REF}),
        gone={"status": "INACTIVE"},
    ),
    ResourceType(
        "AWS::ECS::TaskDefinition",
        "ecs",
        name="Family",
        create=Step("RegisterTaskDefinition"),
        is_versioned=True,
        ref="taskDefinition.taskDefinitionArn",
        attributes={"TaskDefinitionArn": REF},
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step("DeregisterTaskDefinition", {"taskDefinition": REF}),
    ),
    ResourceType(
        "AWS::ECS::Service",
        "ecs",
        name="ServiceName",
        create=Step("CreateService"),
        normal=lambda properties: {"DesiredCount": 1, **properties},
        ref="service.serviceArn",
        describe=Step("DescribeServices", {"cluster": prop("Cluster"), "services": REF}),
        item="services",
        attributes={"Name": "serviceName", "ServiceArn": REF},
        changes=(Step("UpdateService", _SERVICE, _ON_UPDATE),),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step("DeleteService", {**_SERVICE, "force": True}),
        gone={"status": "INACTIVE"},
    ),
)
