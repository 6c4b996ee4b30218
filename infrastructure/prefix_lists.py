"""Addresses that AWS manages as lists with another id in each region: security groups refer to them by it."""

from collections.abc import Mapping
from typing import Any

from infrastructure.errors import EnvironmentFault


def parameters(ec2: Any, region: str) -> Mapping[str, str]:
    """The template parameters that are ids of such lists. `EnvironmentFault` where a region has none."""
    return {"LatticePrefixListId": _id_of(ec2, f"com.amazonaws.{region}.vpc-lattice")}


def _id_of(ec2: Any, name: str) -> str:
    found = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])
    for each in found["PrefixLists"]:
        return str(each["PrefixListId"])
    raise EnvironmentFault(f"there is no prefix list {name}: choose a region in which VPC Lattice is available")
