"""DeleteCacheSubnetGroup and ModifyCacheSubnetGroup, which moto 5.2 does not have.

Adds both to `moto.elasticache`'s responses. As on AWS, a group that a cache uses is not deleted.
"""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.elasticache import exceptions, responses


class _InUse(exceptions.ElastiCacheException):  # type: ignore[misc]  # moto publishes no types
    code = "CacheSubnetGroupInUse"


def _delete(self: Any) -> Any:
    name = self._get_param("CacheSubnetGroupName")  # moto's way to read a parameter
    backend = self.elasticache_backend
    [group] = backend.describe_cache_subnet_groups(name)
    users = (*backend.replication_groups.values(), *backend.cache_clusters.values())
    if any(getattr(each, "cache_subnet_group_name", None) == name for each in users):
        raise _InUse(f"Cache Subnet Group {name} is currently in use by a Cache Cluster.")
    del backend.cache_subnet_groups[group.cache_subnet_group_name]
    return EmptyResult()


def _modify(self: Any) -> Any:
    [group] = self.elasticache_backend.describe_cache_subnet_groups(self._get_param("CacheSubnetGroupName"))
    group.cache_subnet_group_description = self._get_param(
        "CacheSubnetGroupDescription", group.cache_subnet_group_description
    )
    group.subnet_ids = self._get_param("SubnetIds", group.subnet_ids)
    return ActionResult({"CacheSubnetGroup": group})


def install() -> None:
    """Add them."""
    responses.ElastiCacheResponse.delete_cache_subnet_group = _delete
    responses.ElastiCacheResponse.modify_cache_subnet_group = _modify
