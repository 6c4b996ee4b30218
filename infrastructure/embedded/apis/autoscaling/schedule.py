"""What a group decides: from its instances to those to launch and to terminate. Pure.

Rules as AWS documents them, https://docs.aws.amazon.com/autoscaling/ec2/userguide/:
- an unhealthy instance is terminated and another one launched, never the two waiting for each other
  (health-checks-overview.html);
- launches go to the zone with the fewest instances; scaling in takes from the fullest zone, there the instance with the
  oldest launch template version, then the one that is in its state the longest (as-instance-termination.html);
- a protected instance does not leave by scaling in;
- an instance refresh replaces as many at a time as its minimum healthy percentage leaves room for, one at least
  (instance-refresh-overview.html);
- zones that differ by two instances or more, and instances in a zone that the group has left, are brought in balance:
  one instance more is launched, and only when it is ready another one leaves (auto-scaling-benefits.html).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TERMINATION_POLICIES = (
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchTemplate",
)
"""Which instance of the fullest zone leaves first. Billing is by the second: that of the next hour is none here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """An instance that counts. `is_ready`: in service, and healthy as far as is known."""

    instance: str
    zone: str
    version: int
    since: float
    launched: float = 0.0
    is_ready: bool = True
    is_protected: bool = False
    is_unhealthy: bool = False
    is_outdated: bool = False
    is_extra: bool = False
    """Launched to balance the zones, beyond the desired capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group and all instances that count for its capacity; `zones` names a subnet in each."""

    desired: int
    zones: Mapping[str, str]
    members: tuple[MemberView, ...] = ()
    may_launch: bool = True
    may_terminate: bool = True
    may_replace: bool = True
    may_balance: bool = True
    terminations: tuple[str, ...] = ("Default",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Zones to launch an instance in each, instances to replace, and instances to give up."""

    launches: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    balancing: str = ""
    """A zone to launch one more in."""


def decide(group: GroupView) -> Decision:
    """What to do. Deciding again after doing it changes nothing."""
    unhealthy = tuple(m for m in group.members if m.is_unhealthy and group.may_replace and group.may_terminate)
    sound = tuple(m for m in group.members if m not in unhealthy)
    coming = sum(m.is_extra and not m.is_ready for m in sound)
    surplus = _surplus(group, sound, group.desired + coming) if group.may_terminate else ()
    missing = group.desired - len(sound) if group.may_launch else 0
    return Decision(
        launches=_places(group.zones, sound, missing),
        replaced=tuple(m.instance for m in unhealthy),
        surplus=tuple(m.instance for m in surplus),
        balancing=_emptiest(group, sound) if group.may_balance and not unhealthy else "",
    )


def _emptiest(group: GroupView, sound: Sequence[MemberView]) -> str:
    """Where an instance more would help the balance; nothing while the group is not whole, and quiet."""
    is_quiet = len(sound) == group.desired and all(m.is_ready for m in sound)
    if not (is_quiet and group.may_launch and group.may_terminate and group.zones):
        return ""
    crowd = Counter(m.zone for m in sound if m.zone in group.zones)
    zone = min(group.zones, key=lambda each: (crowd[each], each))
    is_outside = any(m.zone not in group.zones and not m.is_protected for m in sound)
    is_lopsided = max(crowd.values(), default=0) - crowd[zone] > 1
    return zone if is_outside or is_lopsided else ""


def next_to_refresh(group: GroupView, minimum_percent: float) -> tuple[str, ...]:
    """The outdated instances to replace now: as many as may be away, less those that are."""
    fewest = math.ceil(group.desired * minimum_percent / 100)
    room = max(group.desired - fewest, 1)
    away = group.desired - sum(m.is_ready for m in group.members)
    outdated = [m for m in group.members if m.is_outdated]
    return tuple(m.instance for m in outdated[: max(room - away, 0)])


def _surplus(group: GroupView, sound: Sequence[MemberView], desired: int) -> tuple[MemberView, ...]:
    staying, leaving = list(sound), []
    while len(staying) > desired:
        crowd = Counter(m.zone for m in staying)
        free = [m for m in staying if not m.is_protected]
        if not free:
            break
        chosen = min(free, key=lambda m: (m.zone in group.zones, -crowd[m.zone], *_order(group, m), m.instance))
        staying.remove(chosen)
        leaving.append(chosen)
    return tuple(leaving)


def _order(group: GroupView, member: MemberView) -> tuple[float, ...]:
    """By the group's policies, one after the other."""
    keys: dict[str, tuple[float, ...]] = {
        "Default": (member.version, member.since),
        "OldestLaunchTemplate": (member.version,),
        "OldestInstance": (member.launched,),
        "NewestInstance": (-member.launched,),
    }
    return tuple(key for name in group.terminations for key in keys.get(name, ()))


def _places(zones: Mapping[str, str], staying: Sequence[MemberView], count: int) -> tuple[str, ...]:
    """A zone for each of `count` new instances, always the emptiest; none when there is nowhere to be."""
    crowd = Counter(m.zone for m in staying)
    places = []
    for _ in range(count if zones else 0):
        chosen = min(zones, key=lambda zone: (crowd[zone], zone))
        crowd[chosen] += 1
        places.append(chosen)
    return tuple(places)
