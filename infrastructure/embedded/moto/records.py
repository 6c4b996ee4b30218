"""moto's in-memory records of one account and region, one attribute per package of moto.

The records are moto's own objects: controllers read and write them directly, since everything runs on one thread.
A back end is imported when it is first asked for.
"""

from typing import Any

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.apis.dynamodb.capacity import Capacity
from infrastructure.embedded.gateway.operations import Operations
from infrastructure.embedded.moto import imports
from infrastructure.embedded.moto.direct import Direct

_GLOBAL = frozenset({"iam", "s3"})
"""These are one for the partition."""


class Backends:
    """The back ends of `account` in `region`. They publish no types, hence `Any`: callers name what they read."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.capacity = Capacity()
        """Credit and usage of DynamoDB's tables, which moto has no record of."""
        apis = {api.key: api for api in PROVIDERS}
        self.operations = Operations(apis, Direct(account, region, apis))
        """Who answers what: controllers bind theirs, CloudFormation and scaling call by it."""
        imports.prepare(account=account, region=region)

    def __getattr__(self, package: str) -> Any:
        """The records that `moto.<package>` keeps; `ModuleNotFoundError` when moto has no such package."""
        if package.startswith("_"):
            raise AttributeError(package)
        region = "aws" if package in _GLOBAL else self.region
        found = imports.backend(package, account=self.account, region=region)
        setattr(self, package, found)  # moto's own look-up takes a lock and two tables: too much for every call
        return found
