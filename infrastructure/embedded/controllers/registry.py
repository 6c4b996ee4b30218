"""The controllers of the embedded cloud, in the order in which they start; they close in reverse.

Adding one is its file, its import and its line in `CONTROLLERS`. Importing this imports moto, which takes seconds.
"""

from typing import TYPE_CHECKING

from infrastructure.embedded.controllers.application_autoscaling import ApplicationAutoScalingController
from infrastructure.embedded.controllers.cloudwatch import CloudWatchController
from infrastructure.embedded.controllers.dynamodb import DynamoDbController
from infrastructure.embedded.controllers.ecs import EcsController
from infrastructure.embedded.controllers.elasticache import ElastiCacheController
from infrastructure.embedded.controllers.elbv2 import Elbv2Controller
from infrastructure.embedded.controllers.lambda_controller import LambdaController
from infrastructure.embedded.controllers.rds import RdsController
from infrastructure.embedded.controllers.secretsmanager import SecretsManagerController
from infrastructure.embedded.controllers.sqs import SqsController

if TYPE_CHECKING:
    from collections.abc import Callable

    from infrastructure.embedded.context import Context
    from infrastructure.embedded.controllers import Controller

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
