"""moto's in-memory records of one account and region, one attribute per AWS API.

The records are moto's own objects: controllers read and write them directly, since everything runs on one thread.
A back end is imported when it is first asked for.
"""

from typing import Any

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.apis.dynamodb.capacity import Capacity
from infrastructure.embedded.gateway.operations import Operations
from infrastructure.embedded.moto import imports
from infrastructure.embedded.moto.direct import Direct


class Backends:
    """The back ends of `account` in `region`. They publish no types, hence `Any`: callers name what they read."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.capacity = Capacity()
        """Credit and usage of DynamoDB's tables, which moto has no record of."""
        apis = {api.name: api for api in PROVIDERS}
        self.operations = Operations(apis, Direct(account, region, apis))
        """Who answers what: controllers bind theirs, CloudFormation and scaling call by it."""
        imports.prepare(account=account, region=region)

    def _of(self, package: str) -> Any:
        return imports.backend(package, account=self.account, region=self.region)

    @property
    def applicationautoscaling(self) -> Any:
        return self._of("applicationautoscaling")

    @property
    def cloudformation(self) -> Any:
        return self._of("cloudformation")

    @property
    def cloudwatch(self) -> Any:
        return self._of("cloudwatch")

    @property
    def dynamodb(self) -> Any:
        return self._of("dynamodb")

    @property
    def ec2(self) -> Any:
        return self._of("ec2")

    @property
    def ecs(self) -> Any:
        return self._of("ecs")

    @property
    def elasticache(self) -> Any:
        return self._of("elasticache")

    @property
    def elbv2(self) -> Any:
        return self._of("elbv2")

    @property
    def kinesis(self) -> Any:
        return self._of("kinesis")

    @property
    def rds(self) -> Any:
        return self._of("rds")

    @property
    def s3(self) -> Any:
        return imports.backend("s3", account=self.account, region="aws")  # one for the partition

    @property
    def secretsmanager(self) -> Any:
        return self._of("secretsmanager")

    @property
    def sqs(self) -> Any:
        return self._of("sqs")
