"""The resource types a template may use: those of each API, which are data. Another API is its line here."""

from collections.abc import Mapping

from infrastructure.embedded.apis.application_autoscaling import resources as application_autoscaling
from infrastructure.embedded.apis.cloudwatch import resources as cloudwatch
from infrastructure.embedded.apis.dynamodb import resources as dynamodb
from infrastructure.embedded.apis.ec2 import resources as ec2
from infrastructure.embedded.apis.ecr import resources as ecr
from infrastructure.embedded.apis.ecs import resources as ecs
from infrastructure.embedded.apis.elasticache import resources as elasticache
from infrastructure.embedded.apis.elbv2 import resources as elbv2
from infrastructure.embedded.apis.iam import resources as iam
from infrastructure.embedded.apis.kinesis import resources as kinesis
from infrastructure.embedded.apis.lambda_ import resources as lambda_
from infrastructure.embedded.apis.logs import resources as logs
from infrastructure.embedded.apis.rds import resources as rds
from infrastructure.embedded.apis.s3 import resources as s3
from infrastructure.embedded.apis.secretsmanager import resources as secretsmanager
from infrastructure.embedded.apis.sqs import resources as sqs
from infrastructure.embedded.stacks.resource_type import ResourceType

TYPES: tuple[ResourceType, ...] = (
    *application_autoscaling.TYPES,
    *cloudwatch.TYPES,
    *dynamodb.TYPES,
    *ec2.TYPES,
    *ecr.TYPES,
    *ecs.TYPES,
    *elasticache.TYPES,
    *elbv2.TYPES,
    *iam.TYPES,
    *kinesis.TYPES,
    *lambda_.TYPES,
    *logs.TYPES,
    *rds.TYPES,
    *s3.TYPES,
    *secretsmanager.TYPES,
    *sqs.TYPES,
)
BY_NAME: Mapping[str, ResourceType] = {each.type: each for each in TYPES}
if len(BY_NAME) != len(TYPES):
    raise RuntimeError("two resource types have the same name")
