"""The lean import leaves nothing behind but moto."""

import sys

import boto3
import pytest

from infrastructure.embedded.moto import imports
from infrastructure.embedded.tests.control import ACCOUNT, REGION


def test_nothing_stands_in_for_a_module_afterwards() -> None:
    imports.prepare(account=ACCOUNT, region=REGION)
    imports.models("cloudformation")
    for package in imports.CLOUDFORMATION_SKIPS:
        module = sys.modules.get(f"moto.{package}")
        assert module is None or hasattr(module, "__path__"), package
    assert boto3.Session.__module__ == "boto3.session"


def test_a_skipped_module_can_still_be_imported() -> None:
    imports.prepare(account=ACCOUNT, region=REGION)
    imports.models("cloudformation")
    assert imports.models("efs").EFSBackend.__name__ == "EFSBackend"


def test_one_process_serves_one_region() -> None:
    imports.prepare(account=ACCOUNT, region=REGION)
    with pytest.raises(ValueError, match=r"already serves region us-east-1, it cannot serve eu-west-1"):
        imports.prepare(account=ACCOUNT, region="eu-west-1")
