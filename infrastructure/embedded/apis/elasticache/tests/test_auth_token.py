"""AUTH tokens as on AWS: checked when given, asked for by the servers, rotated without cutting anybody off."""

import pytest

from infrastructure.embedded.apis.elasticache.tests.world import GROUP, Cache, platform
from infrastructure.embedded.engines.redis.resp import RespConnection, RespError
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.state import StateFolder

FIRST, SECOND = "first-token-of-sixteen", "second&token<of>sixteen#"
pytestmark = pytest.mark.anyio


async def opens(cache: Cache, token: str) -> bool:
    try:
        (await RespConnection.open(LOOPBACK, cache.primary.port, password=token)).close()
    except RespError:
        return False
    return True


async def test_a_groups_token_opens_it_and_is_rotated_set_and_deleted(state: StateFolder) -> None:
    async with platform(state) as cache:
        assert cache.create(AuthToken=FIRST, TransitEncryptionEnabled=True).auth_token_enabled
        await cache.settle()
        assert await opens(cache, FIRST)
        assert not await opens(cache, SECOND)
        steps: list[tuple[dict[str, str], bool, bool]] = [
            ({"AuthToken": SECOND, "AuthTokenUpdateStrategy": "ROTATE"}, True, True),
            ({"AuthToken": SECOND, "AuthTokenUpdateStrategy": "SET"}, False, True),
            ({"AuthTokenUpdateStrategy": "DELETE"}, False, False),
        ]
        for asked, first, second in steps:
            cache.call("ModifyReplicationGroup", ReplicationGroupId=GROUP, **asked)
            await cache.settle()
            assert (await opens(cache, FIRST), await opens(cache, SECOND)) == (first, second)
        assert not cache.record.auth_token_enabled


async def test_a_server_that_comes_back_still_asks_for_the_token(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create(AuthToken=FIRST, TransitEncryptionEnabled=True)
        await cache.settle()
        await cache.die(cache.replica)
        assert await opens(cache, FIRST)
        await cache.die(cache.primary)
        assert await opens(cache, FIRST)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"AuthToken": FIRST}, "InvalidParameterCombination"),
        ({"AuthToken": "fifteen-letters", "TransitEncryptionEnabled": True}, "InvalidParameterValue"),
        ({"AuthToken": "x" * 129, "TransitEncryptionEnabled": True}, "InvalidParameterValue"),
        ({"AuthToken": "no@sign-is-allowed", "TransitEncryptionEnabled": True}, "InvalidParameterValue"),
    ],
)
async def test_a_wrong_token_is_refused(state: StateFolder, asked: dict[str, object], code: str) -> None:
    async with platform(state) as cache:
        with pytest.raises(Refused) as refused:
            cache.create(**asked)
        assert refused.value.code == code


async def test_a_strategy_without_a_token_is_refused(state: StateFolder) -> None:
    async with platform(state) as cache:
        cache.create()
        with pytest.raises(Refused, match="needs an AuthToken"):
            cache.call("ModifyReplicationGroup", ReplicationGroupId=GROUP, AuthTokenUpdateStrategy="SET")
