"""How a group launches an instance: where, from what, with which tags, and what becomes of a launch that fails."""

import logging
from typing import Any

from infrastructure.embedded.apis.autoscaling.record import GROUP_TAG, Group, Member
from infrastructure.embedded.control.context import Context

FIRST_HOLD_S, MOST_HOLD_S = 15.0, 900.0
"""How long the next launch waits after one that failed: twice as long each time."""

_log = logging.getLogger(__name__)


class Launches:
    """Calls on EC2."""

    def __init__(self, context: Context) -> None:
        self._pace = context.pace
        self._ec2 = context.backends.ec2
        self._operations = context.backends.operations

    def places(self, group: Group) -> dict[str, str]:
        """A subnet in each of the group's zones; nothing where the group names zones alone."""
        if not group.subnets:
            return dict.fromkeys(group.zones, "")
        zones = {name: s.availability_zone for subnets in self._ec2.subnets.values() for name, s in subnets.items()}
        return {zones[name]: name for name in reversed(group.subnets) if name in zones}

    def launch(
        self, group: Group, zone: str, now: float, cause: str, *, is_extra: bool = False, state: str = "Pending"
    ) -> None:
        """One instance more in `zone`; what EC2 refuses is a failed activity, and holds the next launch back."""
        activity = group.begin("Launching a new EC2 instance", cause, now)
        subnet = self.places(group)[zone]
        where = {"SubnetId": subnet} if subnet else {"Placement": {"AvailabilityZone": zone}}
        tags = [{"Key": t["Key"], "Value": t["Value"]} for t in group.tags if t["PropagateAtLaunch"]]
        named = {key: value for key, value in group.template.items() if key != "LaunchTemplateName"}
        try:
            made = self._operations.call(
                "ec2",
                "RunInstances",
                LaunchTemplate=named,
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": tags}] if tags else None,
                **where,
            )
        except Exception as problem:  # noqa: BLE001  whatever the template makes EC2 refuse is the activity's failure
            self._failed(group, activity, str(problem), now)
            return
        [instance] = made["Instances"]
        instance.add_tag(GROUP_TAG, group.name)
        into = "" if state == "Pending" else " into warm pool"
        activity.description = f"Launching a new EC2 instance{into}: {instance.id}"
        group.members[instance.id] = Member(
            instance=instance.id,
            type=instance.instance_type,
            zone=zone,
            template={
                **named,
                "LaunchTemplateName": group.template["LaunchTemplateName"],
                "Version": _version(instance),
            },
            since=now,
            activity=activity,
            is_protected=group.protects_new,
            is_extra=is_extra,
            state=state,
            launched=now,
        )

    def _failed(self, group: Group, activity: Any, problem: str, now: float) -> None:
        activity.end("Failed", now, f"{problem}. Launching EC2 instance failed.")
        group.failures += 1
        hold_s = min(FIRST_HOLD_S * 2.0 ** min(group.failures - 1, 30), MOST_HOLD_S)
        group.held_until = now + self._pace.seconds(hold_s)
        _log.warning("group %s: %s", group.name, problem)


def _version(instance: Any) -> str:
    """The number of the launch template's version that the instance was made from."""
    found = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    return str(found.get("aws:ec2launchtemplate:version", "0"))
