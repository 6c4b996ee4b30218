"""What the tagging API lists: the tagged resources of every API, also of one that moto's own list does not know.

Adds to `moto.resourcegroupstaggingapi.models.iter_taggable_backends` (moto 5.2), which asks only back ends written for
it: whatever another one keeps under an ARN with tags (Kinesis, MemoryDB, Redshift, EKS), RDS's groups, VPC endpoints,
and what controllers keep themselves (`Operations.tagged`). As on AWS, no IAM role and no Auto Scaling group is listed.
Replaces of `ResourceGroupsTaggingAPIBackend` what GetResources, GetTagKeys and GetTagValues walk through: moto lists
replicas of caches that have no tags, and a key or a value once for each resource.
Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
"""

from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource
from moto.resourcegroupstaggingapi import models
from moto.utilities.tagging_service import TaggingService
from moto.utilities.utils import get_partition

from infrastructure.embedded.gateway import operations

NOT_LISTED = frozenset({"autoscaling", "iam"})
_INCOMPLETE = frozenset({"ec2", "rds"})
"""Back ends whose own list leaves out some of their records."""
_moto_backends = models.iter_taggable_backends
_Tagging = models.ResourceGroupsTaggingAPIBackend
_moto_resources, _moto_keys, _moto_values = (
    _Tagging._get_resources_generator,
    _Tagging._get_tag_keys_generator,
    _Tagging._get_tag_values_generator,
)


def _others(account: str, region: str, known: tuple[Any, ...]) -> Iterator[TaggedResource]:
    """What none of the `known` back ends lists."""
    found = dict(operations.current().tagged())
    for backend in _back_ends(account, region):
        found |= _kept(backend)
    listed = {resource.arn for backend in known for resource in backend.iter_tagged_resources()}
    for arn in sorted(found.keys() - listed):
        service, name = arn.split(":", 5)[2::3]
        kind = name.replace("/", ":").partition(":")[0]
        yield TaggedResource(arn=arn, tags=dict(found[arn]), resource_type=f"{service}:{kind}")


def _back_ends(account: str, region: str) -> Iterator[Any]:
    """Those in use that moto's list does not know, or only in part."""
    for each in tuple(BackendDict._instances):
        is_complete = issubclass(each.backend, TaggableResourcesMixin) and each.service_name not in _INCOMPLETE
        if account in each and each.service_name not in NOT_LISTED and not is_complete:
            regions = each[account]
            yield from (regions[place] for place in (region, get_partition(region)) if place in regions)


def _kept(backend: Any) -> dict[str, Mapping[str, str]]:
    """Tags by ARN, wherever the back end keeps them: by moto's tagging service, or in records of its own."""
    if hasattr(backend, "vpc_end_points"):
        where = f"arn:{backend.partition}:ec2:{backend.region_name}:{backend.account_id}:vpc-endpoint"
        there = (name for name, endpoint in backend.vpc_end_points.items() if endpoint.state != "deleted")
        return {f"{where}/{name}": backend.tags[name] for name in there}
    found: dict[str, Mapping[str, str]] = {}
    for held in vars(backend).values():
        if isinstance(held, TaggingService):
            found |= held.tags
        elif isinstance(held, Mapping):
            records = (each for each in held.values() if hasattr(each, "arn") and getattr(each, "tags", None))
            found |= {record.arn: _plain(record.tags) for record in records}
    return found


def _plain(tags: Any) -> Mapping[str, str]:
    return tags if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}


def _iter_taggable_backends(account: str, region: str) -> Iterator[Any]:
    known = tuple(each for each in _moto_backends(account, region) if each.SERVICE_NAMESPACE not in NOT_LISTED)
    yield from known
    yield SimpleNamespace(  # tags are changed by the APIs' own calls
        iter_tagged_resources=partial(_others, account, region, known), owns_arn=lambda _arn: False
    )


def _resources(backend: Any, **filters: Any) -> Iterator[TaggedResource]:
    return (resource for resource in _moto_resources(backend, **filters) if resource.tags)


def _keys(backend: Any) -> Iterator[str]:
    return iter(dict.fromkeys(_moto_keys(backend)))


def _values(backend: Any, tag_key: str) -> Iterator[str]:
    return iter(dict.fromkeys(_moto_values(backend, tag_key)))


def install() -> None:
    """Put the longer list in its place, and walk through it as AWS does."""
    models.iter_taggable_backends = _iter_taggable_backends
    _Tagging._get_resources_generator = _resources
    _Tagging._get_tag_keys_generator = _keys
    _Tagging._get_tag_values_generator = _values
