"""Zones out of balance: one instance more is launched, and another one leaves only once it is ready."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.autoscaling.schedule import GroupView, MemberView, decide
from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, Fleet, fleet

pytestmark = pytest.mark.anyio
BOOT_S = 0.4
ZONES = {"a": "subnet-a", "b": "subnet-b"}


def member(instance: str, zone: str, **changes: object) -> MemberView:
    return MemberView(instance=instance, zone=zone, version=1, since=0.0, **changes)  # type: ignore[arg-type]


def view(*members: MemberView, desired: int, **changes: object) -> GroupView:
    return GroupView(desired=desired, zones=ZONES, members=members, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("group", "zone"),
    [
        pytest.param(view(member("1", "a"), member("2", "a"), desired=2), "b", id="two-and-none"),
        pytest.param(view(member("1", "a"), member("2", "b"), desired=2), "", id="even"),
        pytest.param(view(member("1", "a"), member("2", "a"), member("3", "b"), desired=3), "", id="odd"),
        pytest.param(view(member("1", "c"), member("2", "a"), desired=2), "b", id="a-zone-that-was-left"),
        pytest.param(view(member("1", "c", is_protected=True), member("2", "a"), desired=2), "", id="protected"),
        pytest.param(view(member("1", "a"), member("2", "a", is_ready=False), desired=2), "", id="not-quiet"),
        pytest.param(view(member("1", "a"), member("2", "a"), desired=2, may_balance=False), "", id="suspended"),
        pytest.param(view(member("1", "a"), member("2", "a"), desired=3), "", id="not-whole"),
    ],
)
def test_one_more_is_launched_where_it_helps(group: GroupView, zone: str) -> None:
    assert decide(group).balancing == zone


def test_nobody_leaves_for_one_that_is_not_ready() -> None:
    extra = member("3", "b", is_extra=True, is_ready=False)
    assert decide(view(member("1", "a"), member("2", "a"), extra, desired=2)).surplus == ()
    ready = member("3", "b", is_extra=True)
    assert decide(view(member("1", "a"), member("2", "a"), ready, desired=2)).surplus == ("1",)


def test_who_stands_in_a_zone_that_was_left_leaves_first() -> None:
    assert decide(view(member("1", "a"), member("2", "a"), member("3", "c"), desired=2)).surplus == ("3",)


async def _moved(made: Fleet, *subnets: str) -> None:
    made.call("UpdateAutoScalingGroup", AutoScalingGroupName=GROUP, VPCZoneIdentifier=",".join(subnets))
    for _ in range(3):
        await made.settle()
        made.later(BOOT_S)
    await made.settle()


async def test_instances_move_to_the_zones_that_a_group_is_given(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    first, second = made.world.subnets
    await _moved(made, first)
    assert list(made.zones.values()) == [2]
    await _moved(made, first, second)
    assert sorted(made.zones.values()) == [1, 1]
    assert any("to aid in balancing the group's zones" in cause for cause in made.causes())
