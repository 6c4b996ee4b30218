"""Metrics of groups that somebody asked for: how many instances are wanted, and how many are in which state.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
"""

from collections.abc import Callable, Iterable, Mapping

from infrastructure.embedded.apis.autoscaling.groups import Groups
from infrastructure.embedded.apis.autoscaling.problems import invalid
from infrastructure.embedded.apis.autoscaling.record import Group
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.gateway.operations import Members, Output, operation


def _in(*states: str) -> Callable[[Group], int]:
    return lambda group: sum(each.state.startswith(states) for each in group.members.values())


METRICS: Mapping[str, Callable[[Group], int]] = {
    "GroupMinSize": lambda group: group.least,
    "GroupMaxSize": lambda group: group.most,
    "GroupDesiredCapacity": lambda group: group.desired,
    "GroupInServiceInstances": _in("InService"),
    "GroupPendingInstances": _in("Pending"),
    "GroupStandbyInstances": _in("Standby"),
    "GroupTerminatingInstances": _in("Terminating"),
    "GroupTotalInstances": lambda group: len(group.members),
}
GRANULARITY = "1Minute"


class GroupMetrics:
    """The operations, and what is reported."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("EnableMetricsCollection", effect="AWS/AutoScaling has these metrics of the group")
    def _enable(self, given: Members) -> None:
        if given["Granularity"] != GRANULARITY:
            raise invalid(f"'{given['Granularity']}' is not a valid granularity: {GRANULARITY}")
        group = self._groups.named(given)
        group.metrics.update(dict.fromkeys(_named(given)))

    @operation("DisableMetricsCollection", effect="AWS/AutoScaling has them no more")
    def _disable(self, given: Members) -> None:
        group = self._groups.named(given)
        for name in _named(given):
            group.metrics.pop(name, None)

    @operation("DescribeMetricCollectionTypes")
    def _types(self, _given: Members) -> Output:
        return {"Metrics": [{"Metric": each} for each in METRICS], "Granularities": [{"Granularity": GRANULARITY}]}

    def collect(self, _elapsed_s: float) -> Iterable[Datum]:
        """What each group was asked to report, as it is now."""
        for group in self._groups.all.values():
            for name in group.metrics:
                yield Datum(
                    namespace="AWS/AutoScaling",
                    name=name,
                    value=float(METRICS[name](group)),
                    unit="None",
                    dimensions={"AutoScalingGroupName": group.name},
                )


def _named(given: Members) -> list[str]:
    names = list(given.get("Metrics") or METRICS)
    for name in names:
        if name not in METRICS:
            raise invalid(f"'{name}' is not a valid metric: {', '.join(METRICS)}")
    return names
