"""The categories: what is told, by path, and what is not there."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from infrastructure.embedded.apis.ec2.metadata.tree import Facts, Interface, RoleKeys, find, tree
from infrastructure.embedded.gateway.signing.credentials import Credentials

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
MAC = "02:00:00:00:00:01"
FACTS = Facts(
    id="i-1",
    account="123456789012",
    region="eu-central-1",
    zone="eu-central-1b",
    zone_id="euc1-az3",
    image="ami-1",
    type="t3.micro",
    architecture="x86_64",
    launch_index=0,
    launched_at=AT,
    address="10.0.0.9",
    hostname="ip-10-0-0-9.eu-central-1.compute.internal",
    reservation="r-1",
    groups=[("sg-1", "web"), ("sg-2", "ops")],
    interfaces=[
        Interface(
            id="eni-1",
            mac=MAC,
            device=0,
            address="10.0.0.9",
            subnet="subnet-1",
            subnet_block="10.0.0.0/24",
            vpc="vpc-1",
            vpc_block="10.0.0.0/16",
        )
    ],
)
KEYS = RoleKeys(
    role="loyalty",
    profile_arn="arn:aws:iam::123456789012:instance-profile/loyalty",
    profile_id="AIPA1",
    credentials=Credentials(access_key="ASIA1", secret_key="s", token="t"),
    updated_at=AT,
    expires_at=AT.replace(hour=18),
)
RICH = replace(FACTS, keys=KEYS, tags={"Name": "a b", "a/b": "c"}, lifecycle_state="InService", user_data="#!/bin/sh")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("meta-data/instance-id", "i-1"),
        ("meta-data/instance-id/", "i-1"),
        ("meta-data/instance-type", "t3.micro"),
        ("meta-data/local-ipv4", "10.0.0.9"),
        ("meta-data/placement/availability-zone", "eu-central-1b"),
        ("meta-data/placement/availability-zone-id", "euc1-az3"),
        ("meta-data/placement/region", "eu-central-1"),
        ("meta-data/placement", "availability-zone\navailability-zone-id\nregion"),
        ("meta-data/security-groups", "web\nops"),
        (f"meta-data/network/interfaces/macs/{MAC}/subnet-id", "subnet-1"),
        ("meta-data/network/interfaces/macs/", f"{MAC}/"),
        ("meta-data/iam/security-credentials/", "loyalty"),
        ("meta-data/tags/instance", "Name\na/b"),
        ("meta-data/tags/instance/Name", "a b"),
        ("meta-data/tags/instance/a/b", "c"),
        ("meta-data/autoscaling/target-lifecycle-state", "InService"),
        ("user-data", "#!/bin/sh"),
        ("", "dynamic/\nmeta-data/\nuser-data"),
        ("meta-data/spot/termination-time", None),
        ("meta-data/spot/instance-action", None),
        ("meta-data/instance-id/more", None),
        ("meta-data/public-ipv4", None),
        ("nothing", None),
    ],
)
def test_a_path_leads_to_its_text_or_its_names(path: str, expected: str | None) -> None:
    assert find(tree(RICH), path) == expected


@pytest.mark.parametrize("path", ["iam/", "tags/instance", "autoscaling/target-lifecycle-state"])
def test_what_an_instance_does_not_have_is_not_there(path: str) -> None:
    assert find(tree(FACTS), f"meta-data/{path}") is None
    assert find(tree(FACTS), "user-data") is None


def test_a_roles_keys_are_told_as_sdks_read_them() -> None:
    told = json.loads(find(tree(RICH), "meta-data/iam/security-credentials/loyalty") or "")
    assert told == {
        "Code": "Success",
        "LastUpdated": "2026-11-28T12:00:00Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "s",
        "Token": "t",
        "Expiration": "2026-11-28T18:00:00Z",
    }
    profile = json.loads(find(tree(RICH), "meta-data/iam/info") or "")
    assert profile["InstanceProfileArn"] == KEYS.profile_arn


def test_the_identity_document_says_where_it_runs() -> None:
    document = json.loads(find(tree(FACTS), "dynamic/instance-identity/document") or "")
    assert (document["instanceId"], document["region"], document["pendingTime"]) == (
        "i-1",
        "eu-central-1",
        "2026-11-28T12:00:00Z",
    )
