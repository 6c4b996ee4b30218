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
"""An update of a service sends all of these that its template has, as CloudFormation does: a desired count that scaling
has moved meanwhile goes back to the template's, and one that the template does not name stays as it is."""

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
        create=Step("CreateService", shape=lambda properties: {"DesiredCount": 1, **properties}),
        ref="service.serviceArn",
        describe=Step("DescribeServices"),
        item="services",
        attributes={"Name": "serviceName", "ServiceArn": REF},
        changes=(Step("UpdateService", _ON_UPDATE, whole=True),),
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step("DeleteService", where={"force": True}),
        gone={"status": "INACTIVE"},
    ),
)
