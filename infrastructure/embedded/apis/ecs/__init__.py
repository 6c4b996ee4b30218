"""ECS: a task is a process, a service keeps as many of them healthy as it is asked to."""

from infrastructure.embedded.gateway.api import Api, Token

API = Api(
    name="ecs",
    moto="ecs",
    handler="EC2ContainerServiceResponse",
    protocol="json",
    target="AmazonEC2ContainerServiceV20141113",
    effects={
        "DeleteTaskDefinitions": "it is gone",
        "DeregisterTaskDefinition": "no task starts from it",
        "DescribeServices": "counts, deployments and events are those of the processes",
        "RegisterTaskDefinition": "tasks start from it",
    },
    absent={
        "CreateCapacityProvider": "InvalidParameterException",
        "DeleteCapacityProvider": "ClientException",
        "ListTagsForResource": "InvalidParameterException",
        "PutAttributes": "TargetNotFoundException",
        "TagResource": "ResourceNotFoundException",
        "UntagResource": "ResourceNotFoundException",
        "UpdateCapacityProvider": "ClientException",
    },
    invalid="InvalidParameterException",
    kinder={
        "RunTask": "there is always capacity",
    },
    records={
        "there are no container instances: tasks are processes of this machine": (
            "CreateCapacityProvider DeleteCapacityProvider UpdateCapacityProvider PutClusterCapacityProviders "
            "PutAttributes DeleteAttributes"
        ),
        "settings and tags": "PutAccountSetting DeleteAccountSetting UpdateCluster TagResource UntagResource",
    },
    tokens={
        "CreateService": Token(
            member="clientToken",
            mismatch="InvalidParameterException",
            message="Creation of service was not idempotent.",
        ),
        "RunTask": Token(
            member="clientToken",
            mismatch="ConflictException",
            message="The provided clientToken is already in use with a different RunTask request.",
        ),
    },
    controller="infrastructure.embedded.apis.ecs.controller:EcsController",
    resources="infrastructure.embedded.apis.ecs.resources",
)
