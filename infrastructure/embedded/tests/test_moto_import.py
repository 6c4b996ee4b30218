"""The lean import leaves nothing behind but moto."""

import sys

import boto3
import pytest

from infrastructure.embedded import moto_import
from infrastructure.embedded.tests.control import ACCOUNT, REGION


def test_nothing_stands_in_for_a_module_afterwards() -> None:
    moto_import.prepare(account=ACCOUNT, region=REGION)
    moto_import.models("cloudformation")
    for package in moto_import.CLOUDFORMATION_SKIPS:
        module = sys.modules.get(f"moto.{package}")
        assert module is None or hasattr(module, "__path__"), package
    assert boto3.Session.__module__ == "boto3.session"


def test_a_skipped_module_can_still_be_imported() -> None:
    moto_import.prepare(account=ACCOUNT, region=REGION)
    moto_import.models("cloudformation")
    assert moto_import.models("efs").EFSBackend.__name__ == "EFSBackend"


def test_one_process_serves_one_region() -> None:
    moto_import.prepare(account=ACCOUNT, region=REGION)
    with pytest.raises(ValueError, match=r"already serves region us-east-1, it cannot serve eu-west-1"):
        moto_import.prepare(account=ACCOUNT, region="eu-west-1")
