"""The calls that list what there is to choose from, and the notifications, which nobody is sent.

Source: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/
"""

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import LAUNCHING, PROCESSES, TERMINATING
from infrastructure.embedded.apis.autoscaling.schedule import TERMINATION_POLICIES
from infrastructure.embedded.control.step_scaling import KINDS
from infrastructure.embedded.gateway.operations import Members, Output, operation

NOTIFICATIONS = (
    "autoscaling:EC2_INSTANCE_LAUNCH",
    "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
    "autoscaling:EC2_INSTANCE_TERMINATE",
    "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
    "autoscaling:TEST_NOTIFICATION",
)
_NOBODY = "nobody is notified: there are no topics to publish to"
_MOST_GROUPS = 500


class Kinds:
    """The operations."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("DescribeAccountLimits")
    def _limits(self, _given: Members) -> Output:
        return {
            "MaxNumberOfAutoScalingGroups": _MOST_GROUPS,
            "MaxNumberOfLaunchConfigurations": 0,
            "NumberOfAutoScalingGroups": len(self._groups.all),
            "NumberOfLaunchConfigurations": 0,
        }

    @operation("DescribeAdjustmentTypes")
    def _adjustments(self, _given: Members) -> Output:
        return {"AdjustmentTypes": [{"AdjustmentType": each} for each in KINDS]}

    @operation("DescribeScalingProcessTypes")
    def _processes(self, _given: Members) -> Output:
        return {"Processes": [{"ProcessName": each} for each in sorted(PROCESSES)]}

    @operation("DescribeLifecycleHookTypes")
    def _hooks(self, _given: Members) -> Output:
        return {"LifecycleHookTypes": [LAUNCHING, TERMINATING]}

    @operation("DescribeTerminationPolicyTypes")
    def _terminations(self, _given: Members) -> Output:
        return {"TerminationPolicyTypes": list(TERMINATION_POLICIES)}

    @operation("DescribeAutoScalingNotificationTypes")
    def _notifications(self, _given: Members) -> Output:
        return {"AutoScalingNotificationTypes": list(NOTIFICATIONS)}

    @operation("DescribeLaunchConfigurations")
    def _configurations(self, _given: Members) -> Output:
        """There are none: AWS makes none for new accounts any more."""
        return {"LaunchConfigurations": []}

    @operation("PutNotificationConfiguration", record=_NOBODY)
    def _notify(self, given: Members) -> None:
        for kind in given["NotificationTypes"]:
            if kind not in NOTIFICATIONS:
                raise invalid(f'"{kind}" is not a valid Notification Type')
        self._groups.named(given).notifications[given["TopicARN"]] = list(given["NotificationTypes"])

    @operation("DeleteNotificationConfiguration", record=_NOBODY)
    def _notify_no_more(self, given: Members) -> None:
        self._groups.named(given).notifications.pop(given["TopicARN"], None)

    @operation("DescribeNotificationConfigurations")
    def _notified(self, given: Members) -> Output:
        names = given.get("AutoScalingGroupNames")
        found = [
            {"AutoScalingGroupName": group.name, "TopicARN": topic, "NotificationType": kind}
            for group in self._groups.all.values()
            if not names or group.name in names
            for topic, kinds in group.notifications.items()
            for kind in kinds
        ]
        shown, token = listed(found, given)
        return {"NotificationConfigurations": shown, "NextToken": token}
