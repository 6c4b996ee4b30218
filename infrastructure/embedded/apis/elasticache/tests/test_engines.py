"""What runs is Redis: an engine of which no server would ever answer is refused."""

import pytest

from infrastructure.embedded.apis.elasticache.api import ElastiCacheApi
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.control import Control


@pytest.mark.parametrize("engine", [{"Engine": "memcached"}, {}], ids=["named", "by default"])
def test_memcached_is_refused_and_leaves_nothing(engine: dict[str, str]) -> None:
    backends = Control().backends
    operations = backends.operations
    operations.bind("elasticache", ElastiCacheApi(backends.elasticache, operations, lambda: 50_000))
    wanted = {"CacheClusterId": "c", "NumCacheNodes": 1, "CacheNodeType": "cache.t4g.small", **engine}
    with pytest.raises(Refused, match="the engine memcached") as refused:
        operations.call("elasticache", "CreateCacheCluster", **wanted)
    assert (refused.value.code, refused.value.status) == ("UnsupportedOperation", 501)
    assert backends.elasticache.cache_clusters == {}
