"""ECS: a task is a process, a service keeps as many of them healthy as it is asked to."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="ecs",
    moto="ecs",
    handler="EC2ContainerServiceResponse",
    protocol="json",
    target="AmazonEC2ContainerServiceV20141113",
    effects={
        "CreateCluster": "tasks can be placed in it",
        "CreateService": "its tasks start as processes and join their target groups",
        "DeleteCluster": "no task can be placed in it",
        "DeleteService": "its tasks stop, then the service is INACTIVE",
        "DeleteTaskDefinitions": "it is gone",
        "DeregisterTaskDefinition": "no task starts from it",
        "DescribeServices": "counts, deployments and events are those of the processes",
        "DescribeTasks": "states, zone, exit code and stop reason are those of the process",
        "ListTasks": "filters by service; stopped tasks only when asked for",
        "RegisterTaskDefinition": "tasks start from it",
        "RunTask": "a process starts; it belongs to no service",
        "StopTask": "the process leaves its target group and gets SIGTERM, later SIGKILL; it is replaced at once",
        "UpdateService": "rolling deployment within the health percents; no circuit breaker",
    },
    invalid="InvalidParameterException",
    records={
        "there are no container instances: tasks are processes of this machine": (
            "CreateCapacityProvider DeleteCapacityProvider UpdateCapacityProvider PutClusterCapacityProviders "
            "PutAttributes DeleteAttributes"
        ),
        "settings and tags": "PutAccountSetting DeleteAccountSetting UpdateCluster TagResource UntagResource",
    },
    controller="infrastructure.embedded.apis.ecs.controller:EcsController",
    resources="infrastructure.embedded.apis.ecs.resources",
)
