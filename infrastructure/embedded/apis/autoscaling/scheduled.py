"""Scheduled actions of groups: the calls, and what is done when one is due.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import Group, ScheduledAction
from infrastructure.embedded.control.schedules import At, unix, unix_seconds, zone_of
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

MOST = 125
"""Scheduled actions of a group."""
_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


class Scheduled:
    """The operations, and `follow`, which does what is due."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("PutScheduledUpdateGroupAction", effect="the group's sizes change when it is due")
    def _put(self, given: Members) -> None:
        self._keep(self._groups.named(given), given)

    @operation("BatchPutScheduledUpdateGroupAction", effect="the group's sizes change when each is due")
    def _put_batch(self, given: Members) -> Output:
        group, failed = self._groups.named(given), []
        for each in given["ScheduledUpdateGroupActions"]:
            try:
                self._keep(group, each)
            except Refused as refused:
                failed.append(_failure(each["ScheduledActionName"], refused.code, str(refused)))
        return {"FailedScheduledUpdateGroupActions": failed}

    @operation("DeleteScheduledAction", effect="it is not due any more")
    def _delete(self, given: Members) -> None:
        group, name = self._groups.named(given), given["ScheduledActionName"]
        if group.scheduled.pop(name, None) is None:
            raise invalid(f"Scheduled action name not found: {name}")

    @operation("BatchDeleteScheduledAction", effect="they are not due any more")
    def _delete_batch(self, given: Members) -> Output:
        group, names = self._groups.named(given), given["ScheduledActionNames"]
        missing = [name for name in names if group.scheduled.pop(name, None) is None]
        failed = [_failure(name, "ValidationError", f"Scheduled action name not found: {name}") for name in missing]
        return {"FailedScheduledActions": failed}

    @operation("DescribeScheduledActions")
    def _describe(self, given: Members) -> Output:
        names, wanted = given.get("ScheduledActionNames"), given.get("AutoScalingGroupName")
        since, until = unix_seconds(given.get("StartTime")), unix_seconds(given.get("EndTime"))
        found = [
            _output(group, each)
            for group in self._groups.all.values()
            for each in sorted(group.scheduled.values(), key=lambda action: action.due)
            if wanted in (None, group.name)
            and (not names or each.name in names)
            and (names or since is None or each.due >= since)
            and (names or until is None or each.due <= until)
        ]
        shown, token = listed(found, given)
        return {"ScheduledUpdateGroupActions": shown, "NextToken": token}

    def _keep(self, group: Group, given: Members) -> None:
        """Another put replaces the action of that name; a size that it leaves out is left as it is when it is due."""
        name, now = given["ScheduledActionName"], self._groups.clock()
        start = unix_seconds(given.get("StartTime", given.get("Time")))
        end, recurrence = unix_seconds(given.get("EndTime")), given.get("Recurrence", "")
        sizes = {each: int(given[each]) for each in _SIZES if given.get(each) is not None}
        if not sizes:
            raise invalid("At least one of MinSize, MaxSize or DesiredCapacity must be specified")
        if sizes.get("MinSize", 0) > sizes.get("MaxSize", max(sizes.values())):
            raise invalid("Max bound must be greater than or equal to min bound")
        if start is None and not recurrence:
            raise invalid("Either StartTime or Recurrence must be specified")
        if start is not None and start <= now:
            raise invalid("Given start time is in the past")
        if end is not None and end <= max(start or now, now):
            raise invalid("Given end time is earlier than or same as the start time")
        if name not in group.scheduled and len(group.scheduled) >= MOST:
            raise Refused("LimitExceeded", f"You have reached the limit of {MOST} scheduled actions of the group")
        action = ScheduledAction(
            name=name,
            start=start,
            end=end,
            recurrence=recurrence,
            zone=given.get("TimeZone", ""),
            sizes=sizes,
        )
        due = _next(action, now)
        if due is None:
            raise invalid(f"Recurrence {recurrence!r} is never due")
        action.due = due
        group.scheduled[name] = action

    # --- what follows -------------------------------------------------------------------------------------------------

    def follow(self, group: Group, now: float) -> float | None:
        """Do what is due; when the next one is. While the process is suspended, what would be due is passed over."""
        for action in sorted(group.scheduled.values(), key=lambda each: each.due):
            if action.due > now:
                continue
            if group.does("ScheduledActions") and not group.is_deleting:
                _act(group, action, now)
            due = _next(action, now) if action.recurrence else None
            if due is None:
                del group.scheduled[action.name]
            else:
                action.due = due
        return min((each.due for each in group.scheduled.values()), default=None)


def _act(group: Group, action: ScheduledAction, now: float) -> None:
    least = action.sizes.get("MinSize", group.least)
    most = action.sizes.get("MaxSize", group.most)
    wanted = action.sizes.get("DesiredCapacity", group.desired)
    if least > most:
        problem = f"a scheduled action {action.name} failed: min size {least} is greater than max size {most}."
        group.begin("Executing a scheduled action", problem, now).end("Failed", now, problem)
        return
    group.least, group.most = least, most
    desired = min(max(wanted, least), most)
    sizes = f"min: {least}, max: {most}, desired: {desired}"
    group.want(desired, f"a scheduled action update of AutoScalingGroup constraints to {sizes}", now)


def _next(action: ScheduledAction, now: float) -> float | None:
    """When it is due after `now`; None when it is over."""
    if not action.recurrence:
        return At(at=action.start or 0.0).following(now)
    if action.start is not None and action.start > now:
        return action.start
    try:
        due = unix(action.recurrence, zone_of(action.zone or "UTC")).following(now)
    except ValueError as wrong:
        raise invalid(f"Given recurrence string is invalid: {wrong}") from wrong
    return None if due is None or (action.end is not None and due > action.end) else due


def _output(group: Group, action: ScheduledAction) -> dict[str, Any]:
    arn = group.arn.replace(":autoScalingGroup:", ":scheduledUpdateGroupAction:")
    due = datetime.fromtimestamp(action.due, UTC)
    return {
        "AutoScalingGroupName": group.name,
        "ScheduledActionName": action.name,
        "ScheduledActionARN": f"{arn}:scheduledActionName/{action.name}",
        "Time": due,
        "StartTime": due,
        "EndTime": None if action.end is None else datetime.fromtimestamp(action.end, UTC),
        "Recurrence": action.recurrence or None,
        "TimeZone": action.zone or None,
        **action.sizes,
    }


def _failure(name: str, code: str, text: str) -> Mapping[str, str]:
    return {"ScheduledActionName": name, "ErrorCode": code, "ErrorMessage": text}
