"""Subnet groups can be changed, and deleted when no cache is in them."""

import pytest

from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.tests.control import REGION, Control

NAME = {"CacheSubnetGroupName": "group"}


@pytest.fixture
def call() -> ApiCalls:
    assert Control().backends.elasticache.cache_subnet_groups == {}
    made = ApiCalls(REGION)
    subnets = [each["SubnetId"] for each in made("ec2", "DescribeSubnets")["Subnets"]]
    made("elasticache", "CreateCacheSubnetGroup", **NAME, CacheSubnetGroupDescription="one", SubnetIds=subnets[:1])
    return made


def test_what_is_not_named_stays(call: ApiCalls) -> None:
    changed = call("elasticache", "ModifyCacheSubnetGroup", **NAME, CacheSubnetGroupDescription="two")
    assert changed["CacheSubnetGroup"]["CacheSubnetGroupDescription"] == "two"
    assert len(changed["CacheSubnetGroup"]["Subnets"]) == 1


def test_one_that_a_cache_uses_is_not_deleted(call: ApiCalls) -> None:
    cache = {"CacheClusterId": "c", "Engine": "redis", "NumCacheNodes": 1, "CacheNodeType": "cache.t4g.small", **NAME}
    call("elasticache", "CreateCacheCluster", **cache)
    with pytest.raises(ApiError) as refused:
        call("elasticache", "DeleteCacheSubnetGroup", **NAME)
    assert refused.value.code == "CacheSubnetGroupInUse"
    call("elasticache", "DeleteCacheCluster", CacheClusterId="c")


def test_one_that_is_deleted_is_not_found(call: ApiCalls) -> None:
    call("elasticache", "DeleteCacheSubnetGroup", **NAME)
    with pytest.raises(ApiError) as refused:
        call("elasticache", "DeleteCacheSubnetGroup", **NAME)
    assert refused.value.code == "CacheSubnetGroupNotFoundFault"
