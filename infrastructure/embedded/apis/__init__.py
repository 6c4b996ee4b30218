"""The AWS APIs of the embedded cloud, a folder each. One more is its folder and its line in `PROVIDERS`.

An API's `__init__` says what it is, as data; what that names is imported once moto is. What is not here is refused.
"""

from infrastructure.embedded.apis import (
    application_autoscaling,
    autoscaling,
    cloudformation,
    cloudwatch,
    dynamodb,
    ec2,
    ecr,
    ecs,
    eks,
    elasticache,
    elbv2,
    iam,
    kinesis,
    lambda_,
    logs,
    memorydb,
    rds,
    redshift,
    redshift_data,
    s3,
    secretsmanager,
    sqs,
    sts,
    tagging,
)

PROVIDERS = (
    iam.API,
    sts.API,
    tagging.API,
    ec2.API,
    ecr.API,
    logs.API,
    s3.API,
    kinesis.API,
    cloudformation.API,
    dynamodb.API,
    sqs.API,
    elasticache.API,
    memorydb.API,
    rds.API,
    redshift.API,
    redshift_data.API,
    secretsmanager.API,
    elbv2.API,
    autoscaling.API,
    ecs.API,
    eks.API,
    lambda_.API,
    cloudwatch.API,
    application_autoscaling.API,
)
"""In the order in which their controllers start; they close in reverse."""
