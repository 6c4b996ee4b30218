"""The only place that imports moto: a lean import, then the patches that make it fit for load.

While it is imported, moto 5.2 reads data of regions nobody uses (measured: 0.6 CPU-seconds for botocore's endpoint
list, three times, and 0.25 s for EC2's instance offerings of every region), and its CloudFormation imports every
model module there is (1.1 s, most of it API Gateway's OpenAPI validator). Here it sees one region, and CloudFormation
sees the modules behind `apis.APIS`; each module it skipped is imported as usual when something asks for it later.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from infrastructure.embedded.moto import patches

SETTINGS: Mapping[str, str] = {
    "MOTO_DISABLE_GLOBAL_CORS": "true",  # a web page has no business here
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",  # 8 MB of Python literals
}
CLOUDFORMATION_SKIPS: tuple[str, ...] = (
    "apigateway",
    "autoscaling",
    "batch",
    "datapipeline",
    "efs",
    "emr",
    "events",
    "iot",
    "rds",
    "redshift",
    "route53",
    "sagemaker",
    "stepfunctions",
)
"""What `moto.cloudformation.parsing` imports for resource types alone that this cloud does not provide."""
CLOUDFORMATION_NEEDS: tuple[str, ...] = (
    "awslambda",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "kinesis",
    "logs",
    "organizations",
    "s3",
    "sns",
    "sqs",
    "ssm",
)
"""What it and its neighbours use, imported before the stand-ins so that these packages get the real thing."""
OFFERINGS = "ec2/resources/instance_type_offerings/"


class _OneRegion:
    """Stands for `boto3.Session` while moto is imported, which asks it for regions only."""

    region = ""

    def get_available_partitions(self) -> list[str]:
        return ["aws"]

    def get_available_regions(self, service_name: str, partition_name: str = "aws", **_: object) -> list[str]:
        del service_name
        return [self.region] if partition_name == "aws" else []


def prepare(*, account: str, region: str) -> None:
    """Set what moto reads from the environment, and import its core. Once a process: moto's records are global."""
    if _OneRegion.region not in {"", region}:
        raise ValueError(f"this process already serves region {_OneRegion.region}, it cannot serve {region} too")
    if _OneRegion.region:
        return
    _OneRegion.region = region
    os.environ["MOTO_ACCOUNT_ID"] = account
    os.environ.update(SETTINGS)
    base = importlib.import_module("moto.core.base_backend")
    base.AccountSpecificBackend.get_session = classmethod(lambda _cls: _OneRegion())
    patches.apply("core")


@cache
def models(package: str) -> Any:
    """`moto.<package>.models`, patched before anybody can have made an object of it."""
    if package == "cloudformation":
        for needed in CLOUDFORMATION_NEEDS:
            models(needed)
    with _lean(), _stand_ins(CLOUDFORMATION_SKIPS if package == "cloudformation" else ()):
        module = importlib.import_module(f"moto.{package}.models")
    patches.apply(package)
    return module


@cache
def handler(package: str, name: str) -> Any:
    """The class called `name` of `moto.<package>.responses`: it turns a request into an answer."""
    models(package)
    with _lean():
        return getattr(importlib.import_module(f"moto.{package}.responses"), name)


def backend(package: str, *, account: str, region: str) -> Any:
    """The records of `account` in `region` that `moto.<package>` keeps."""
    return getattr(models(package), f"{package}_backends")[account][region]


@contextlib.contextmanager
def _lean() -> Iterator[None]:
    """Imports within see one region and its instance offerings."""
    boto3: Any = importlib.import_module("boto3")
    utilities: Any = importlib.import_module("moto.utilities.utils")
    session, load_resource = boto3.Session, utilities.load_resource

    def load_one_region(resource: str) -> Any:
        if resource.startswith(OFFERINGS) and f"/{_OneRegion.region}." not in resource:
            return []
        return load_resource(resource)

    boto3.Session, utilities.load_resource = _OneRegion, load_one_region
    try:
        yield
    finally:
        boto3.Session, utilities.load_resource = session, load_resource


@contextlib.contextmanager
def _stand_ins(packages: tuple[str, ...]) -> Iterator[None]:
    """Imports within find an empty `models` in `packages`, unless the real one is there; then all is as before."""
    moto = importlib.import_module("moto")
    added: dict[str, ModuleType] = {}
    for package in packages:
        name = f"moto.{package}"
        if name not in sys.modules:
            added[name] = ModuleType(name)
            vars(added[name])["models"] = ModuleType(f"{name}.models")
    sys.modules.update(added)
    try:
        yield
    finally:
        for name, module in added.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
            if vars(moto).get(name.rpartition(".")[2]) is module:
                delattr(moto, name.rpartition(".")[2])
