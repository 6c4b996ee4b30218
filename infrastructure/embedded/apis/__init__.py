"""The AWS APIs of the embedded cloud, a folder each. One more is its folder and its line in `PROVIDERS`.

An API's `__init__` says what it is, as data; what that names is imported once moto is. What is not here is refused.
"""

from infrastructure.embedded.apis import (
    application_autoscaling,
    cloudformation,
    cloudwatch,
    dynamodb,
    ec2,
    ecr,
    ecs,
    elasticache,
    elbv2,
    iam,
    kinesis,
    lambda_,
    logs,
    rds,
    s3,
    secretsmanager,
    sqs,
    sts,
    tagging,
)

PROVIDERS = (
    application_autoscaling.API,
    cloudformation.API,
    cloudwatch.API,
    dynamodb.API,
    ec2.API,
    ecr.API,
    ecs.API,
    elasticache.API,
    elbv2.API,
    iam.API,
    kinesis.API,
    lambda_.API,
    logs.API,
    rds.API,
    s3.API,
    secretsmanager.API,
    sqs.API,
    sts.API,
    tagging.API,
)
