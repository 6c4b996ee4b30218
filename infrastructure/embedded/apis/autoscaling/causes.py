"""Why a group did something, in the words that AWS's scaling activities have. Pure.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-troubleshooting.html and the examples of
DescribeScalingActivities
"""

from collections import Counter

from infrastructure.embedded.apis.autoscaling.record import Group, Member, stamp

OUTLIVED = "instance was taken out of service in response to reaching its maximum instance lifetime."
_GAP = "in response to a difference between desired and actual capacity"


def created(group: Group, at: float) -> str:
    """The beginning of the causes of a new group's launches."""
    text = f"a user request created an AutoScalingGroup changing the desired capacity from 0 to {group.desired}."
    return f"{text} At {stamp(at)} "


def missing(group: Group) -> str:
    """Of a launch, while fewer instances stand than are desired."""
    standing = len(group.standing())
    return f"{group.called}an instance was started {_GAP}, increasing the capacity from {standing} to {standing + 1}."


def surplus(member: Member, before: int, at: float) -> str:
    """Of an instance that leaves, while more stand than are desired."""
    text = f"instance was taken out of service {_GAP}, shrinking the capacity from {before} to {before - 1}."
    return f"{text} At {stamp(at)} instance {member.instance} was selected for termination."


def asked(member: Member, what: str, before: int, after: int | None) -> str:
    """Of what somebody asked for; the desired capacity changes from `before`, unless `after` is None."""
    text = f"instance {member.instance} was {what} in response to a user request"
    if after is None:
        return f"{text}."
    return f"{text}, {'increasing' if after > before else 'shrinking'} the capacity from {before} to {after}."


def lopsided(group: Group, zone: str) -> str:
    """Of a launch that is to balance the zones."""
    crowd = Counter({zone: 0}) + Counter(each.zone for each in group.standing())
    zones = sorted({*crowd, zone})
    counts = " and ".join(str(crowd[each]) for each in zones)
    text = f"availability zones {' and '.join(zones)} had {counts} instances respectively."
    return f"{text} An instance was launched to aid in balancing the group's zones."
