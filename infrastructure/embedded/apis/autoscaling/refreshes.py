"""The calls about instance refreshes.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
"""

from typing import Any

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.record import Group, Refresh, moment
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

PREFERENCES = {"MinHealthyPercentage": 90, "InstanceWarmup": None, "SkipMatching": False, "AutoRollback": False}
_NOT_HERE = ("AlarmSpecification", "CheckpointDelay", "CheckpointPercentages", "BakeTime", "MaxHealthyPercentage")


class Refreshes:
    """The operations; the controller replaces the instances."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("StartInstanceRefresh", effect="instances are replaced, a few at a time")
    def _start(self, given: Members) -> Output:
        group = self._groups.named(given)
        if group.refresh is not None:
            raise Refused(
                "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution"
            )
        preferences = {**PREFERENCES, **given.get("Preferences", {})}
        for name in _NOT_HERE:
            if preferences.get(name):
                raise unsupported(name)
        wanted = given.get("DesiredConfiguration", {}).get("LaunchTemplate")
        template = self._groups.template(wanted) if wanted else dict(group.template)
        refresh = Refresh(
            template=template,
            former=dict(group.template),
            preferences=preferences,
            started=self._groups.clock(),
            to_replace=len(group.standing()),
        )
        group.refreshes.insert(0, refresh)
        group.template = dict(template)
        for member in group.standing():
            member.is_outdated = True
        return {"InstanceRefreshId": refresh.id}

    @operation("CancelInstanceRefresh", effect="no further instance is replaced")
    def _cancel(self, given: Members) -> Output:
        group, refresh = self._active(given)
        refresh.end("Cancelled", self._groups.clock(), "Cancelled due to user request.")
        for member in group.members.values():
            member.is_outdated = False
        return {"InstanceRefreshId": refresh.id}

    @operation("RollbackInstanceRefresh", effect="what was replaced is replaced again, from the former template")
    def _roll_back(self, given: Members) -> Output:
        group, refresh = self._active(given)
        if refresh.former == refresh.template:
            text = "The instance refresh has no desired configuration to go back from"
            raise Refused("IrreversibleInstanceRefresh", text)
        self.roll_back(group, refresh)
        return {"InstanceRefreshId": refresh.id}

    @staticmethod
    def roll_back(group: Group, refresh: Refresh) -> None:
        """From now on the former template is the wanted one, and what came of the new one is outdated."""
        refresh.status = "RollbackInProgress"
        group.template = dict(refresh.former)
        for member in group.members.values():
            member.is_outdated = not member.is_outdated and not member.is_leaving

    @operation("DescribeInstanceRefreshes")
    def _describe(self, given: Members) -> Output:
        group, ids = self._groups.named(given), given.get("InstanceRefreshIds")
        found = [_output(group, each) for each in group.refreshes if not ids or each.id in ids]
        return {"InstanceRefreshes": found[: int(given.get("MaxRecords", 100))]}

    def _active(self, given: Members) -> tuple[Group, Refresh]:
        group = self._groups.named(given)
        if group.refresh is None:
            raise Refused(
                "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for the group"
            )
        return group, group.refresh


def _output(group: Group, refresh: Refresh) -> dict[str, Any]:
    left = sum(each.is_outdated for each in group.members.values()) if not refresh.is_over else 0
    done = 100 if refresh.to_replace == 0 else 100 - 100 * left // refresh.to_replace
    return {
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status,
        "StatusReason": refresh.reason or None,
        "StartTime": moment(refresh.started),
        "EndTime": None if refresh.ended is None else moment(refresh.ended),
        "PercentageComplete": max(done, 0),
        "InstancesToUpdate": left,
        "Preferences": {name: value for name, value in refresh.preferences.items() if value is not None},
        "DesiredConfiguration": {"LaunchTemplate": refresh.template},
    }
