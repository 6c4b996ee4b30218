"""The controllers of the embedded cloud, in the order in which they start; they close in reverse.

Adding one is its file, its import and its line in `CONTROLLERS`. Importing this imports moto, which takes seconds.
"""

from typing import TYPE_CHECKING

from infrastructure.embedded.apis.application_autoscaling.controller import ApplicationAutoScalingController
from infrastructure.embedded.apis.cloudwatch.controller import CloudWatchController
from infrastructure.embedded.apis.dynamodb.controller import DynamoDbController
from infrastructure.embedded.apis.ecs.controller import EcsController
from infrastructure.embedded.apis.elasticache.controller import ElastiCacheController
from infrastructure.embedded.apis.elbv2.controller import Elbv2Controller
from infrastructure.embedded.apis.lambda_.controller import LambdaController
from infrastructure.embedded.apis.rds.controller import RdsController
from infrastructure.embedded.apis.secretsmanager.controller import SecretsManagerController
from infrastructure.embedded.apis.sqs.controller import SqsController

if TYPE_CHECKING:
    from collections.abc import Callable

    from infrastructure.embedded.control.context import Context
    from infrastructure.embedded.control.controller import Controller

CONTROLLERS: "tuple[Callable[[Context], Controller], ...]" = (
    DynamoDbController,
    SqsController,
    ElastiCacheController,
    RdsController,
    SecretsManagerController,
    Elbv2Controller,
    EcsController,
    LambdaController,
    CloudWatchController,
    ApplicationAutoScalingController,
)
