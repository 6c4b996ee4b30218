"""The categories of an instance's metadata as a tree: a text is a leaf, a mapping a folder.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from infrastructure.embedded.gateway.signing.credentials import Credentials

Tree: TypeAlias = "Mapping[str, str | Tree]"

VERSIONS = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
    "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19",
    "2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
    "2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24", "2024-04-11", "latest",
)  # fmt: skip
"""What a path may begin with; all are answered alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface as EC2 has it on record."""

    id: str
    mac: str
    device: int
    address: str
    subnet: str
    subnet_block: str
    vpc: str
    vpc_block: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKeys:
    """The keys of the instance's role, given out at `updated_at` and good until `expires_at`."""

    role: str
    profile_arn: str
    profile_id: str
    credentials: Credentials
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to tell of an instance. `tags` are None unless its options enable them; `lifecycle_state` is the
    one in which its Auto Scaling group wants it, if it has a group.
    """

    id: str
    account: str
    region: str
    zone: str
    zone_id: str
    image: str
    type: str
    architecture: str
    launch_index: int
    launched_at: datetime
    address: str
    hostname: str
    reservation: str
    groups: Sequence[tuple[str, str]]
    """Security groups, each by id and name."""
    interfaces: Sequence[Interface] = ()
    keys: RoleKeys | None = None
    tags: Mapping[str, str] | None = None
    lifecycle_state: str | None = None
    user_data: str | None = None


def tree(facts: Facts) -> Tree:
    """All that is below a version."""
    identity = {"instance-identity": {"document": _identity_document(facts)}}
    data = {} if facts.user_data is None else {"user-data": facts.user_data}
    return {"dynamic": identity, "meta-data": _metadata(facts), **data}


def _metadata(facts: Facts) -> Tree:
    found: dict[str, str | Tree] = {
        "ami-id": facts.image,
        "ami-launch-index": str(facts.launch_index),
        "ami-manifest-path": "(unknown)",
        "hostname": facts.hostname,
        "instance-action": "none",
        "instance-id": facts.id,
        "instance-life-cycle": "on-demand",
        "instance-type": facts.type,
        "local-hostname": facts.hostname,
        "local-ipv4": facts.address,
        "placement": {"availability-zone": facts.zone, "availability-zone-id": facts.zone_id, "region": facts.region},
        "profile": "default-hvm",
        "reservation-id": facts.reservation,
        "security-groups": "\n".join(name for _, name in facts.groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if facts.interfaces:
        found["mac"] = facts.interfaces[0].mac
        found["network"] = {"interfaces": {"macs": {each.mac: _interface(facts, each) for each in facts.interfaces}}}
    if facts.keys is not None:
        found["iam"] = _iam(facts.keys)
    if facts.tags is not None:
        found["tags"] = {"instance": facts.tags}
    if facts.lifecycle_state is not None:
        found["autoscaling"] = {"target-lifecycle-state": facts.lifecycle_state}
    return dict(sorted(found.items()))


def _interface(facts: Facts, interface: Interface) -> Tree:
    return {
        "device-number": str(interface.device),
        "interface-id": interface.id,
        "local-hostname": facts.hostname,
        "local-ipv4s": interface.address,
        "mac": interface.mac,
        "owner-id": facts.account,
        "security-group-ids": "\n".join(identity for identity, _ in facts.groups),
        "security-groups": "\n".join(name for _, name in facts.groups),
        "subnet-id": interface.subnet,
        "subnet-ipv4-cidr-block": interface.subnet_block,
        "vpc-id": interface.vpc,
        "vpc-ipv4-cidr-block": interface.vpc_block,
    }


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _iam(keys: RoleKeys) -> Tree:
    profile = {"Code": "Success", "LastUpdated": _moment(keys.updated_at)}
    profile |= {"InstanceProfileArn": keys.profile_arn, "InstanceProfileId": keys.profile_id}
    held = {
        "Code": "Success",
        "LastUpdated": _moment(keys.updated_at),
        "Type": "AWS-HMAC",
        "AccessKeyId": keys.credentials.access_key,
        "SecretAccessKey": keys.credentials.secret_key,
        "Token": keys.credentials.token,
        "Expiration": _moment(keys.expires_at),
    }
    return {"info": json.dumps(profile, indent=2), "security-credentials": {keys.role: json.dumps(held, indent=2)}}


def _identity_document(facts: Facts) -> str:
    """Without its signatures: here is nobody who could sign it as AWS."""
    document = {
        "accountId": facts.account,
        "architecture": facts.architecture,
        "availabilityZone": facts.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": facts.image,
        "instanceId": facts.id,
        "instanceType": facts.type,
        "kernelId": None,
        "pendingTime": _moment(facts.launched_at),
        "privateIp": facts.address,
        "ramdiskId": None,
        "region": facts.region,
        "version": "2017-09-30",
    }
    return json.dumps(document, indent=2)


def find(root: Tree, path: str) -> str | None:
    """The text at `path`, or the names of what is below it, folders with a slash; None where nothing is.

    A key may hold slashes, as those of tags do: the rest of a path is looked up whole before it is taken apart.
    """
    at: str | Tree | None = root
    left = path.strip("/")
    while left:
        if not isinstance(at, Mapping):
            return None
        if left in at:
            at, left = at[left], ""
        else:
            name, _, left = left.partition("/")
            at = at.get(name)
    if isinstance(at, Mapping):
        return "\n".join(name if isinstance(below, str) else f"{name}/" for name, below in at.items())
    return at
