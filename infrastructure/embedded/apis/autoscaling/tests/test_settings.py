"""Settings of groups: who leaves first, what is reported, what sends requests, and what is not to be had."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.autoscaling.schedule import GroupView, MemberView, decide
from infrastructure.embedded.apis.autoscaling.tests.fleet_world import GROUP, fleet
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio
BOOT_S, DAY_S = 0.4, 86_400.0


@pytest.mark.parametrize(
    ("policies", "leaves"),
    [
        (("Default",), "oldest template"),
        (("OldestLaunchTemplate", "NewestInstance"), "oldest template"),
        (("OldestInstance",), "oldest"),
        (("NewestInstance",), "newest"),
    ],
)
def test_termination_policies_say_who_leaves_first(policies: tuple[str, ...], leaves: str) -> None:
    members = (
        MemberView(instance="oldest", zone="a", version=2, since=5.0, launched=1.0),
        MemberView(instance="oldest template", zone="a", version=1, since=6.0, launched=2.0),
        MemberView(instance="newest", zone="a", version=2, since=7.0, launched=3.0),
    )
    group = GroupView(desired=2, zones={"a": ""}, members=members, terminations=policies)
    assert decide(group).surplus == (leaves,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TerminationPolicies": ["Loudest"]}, "Termination policy Loudest is not valid"),
        ({"MixedInstancesPolicy": {"LaunchTemplate": {}}}, "not provided .*MixedInstancesPolicy"),
        ({"InstanceMaintenancePolicy": {"MinHealthyPercentage": 90}}, "not provided .*InstanceMaintenancePolicy"),
        ({"DesiredCapacityType": "vcpu"}, "not provided .*vcpu"),
        ({"MaxInstanceLifetime": 3600}, "MaxInstanceLifetime 3600"),
        ({"TrafficSources": [{"Identifier": "arn:x", "Type": "vpc-lattice"}]}, "not provided .*vpc-lattice"),
    ],
)
async def test_what_is_not_done_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    made = fleet(tmp_path)
    with pytest.raises(Refused, match=words):
        made.create(**changes)
    assert made.call("DescribeAutoScalingGroups")["AutoScalingGroups"] == []


async def test_an_instance_is_replaced_when_it_has_lived_its_time(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create(MaxInstanceLifetime=int(DAY_S))
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    before = set(made.ids())
    made.later(DAY_S)
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    assert before.isdisjoint(made.ids())
    assert any("maximum instance lifetime" in cause for cause in made.causes())


async def test_metrics_are_reported_while_they_are_asked_for(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    await made.settle()
    made.call("EnableMetricsCollection", AutoScalingGroupName=GROUP, Granularity="1Minute")
    names = {"AutoScalingGroupName": GROUP, "Metrics": ["GroupMaxSize"]}
    made.call("DisableMetricsCollection", **names)
    metrics = made.world.context.metrics
    metrics.collect(1.0, 100.0)

    def value(name: str) -> float | None:
        found = metrics.store.query(Key.of("AWS/AutoScaling", name, {"AutoScalingGroupName": GROUP}), 100.0, 101.0, 1.0)
        return found[0][1].statistic("Average") if found else None

    assert (value("GroupDesiredCapacity"), value("GroupPendingInstances"), value("GroupMaxSize")) == (2.0, 2.0, None)
    assert "GroupMaxSize" not in [each["Metric"] for each in made.group["EnabledMetrics"]]
    with pytest.raises(Refused, match="not a valid metric"):
        made.call("EnableMetricsCollection", AutoScalingGroupName=GROUP, Granularity="1Minute", Metrics=["Mood"])


async def test_traffic_sources_are_target_groups(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    await made.settle()
    made.later(BOOT_S)
    await made.settle()
    source = {"AutoScalingGroupName": GROUP, "TrafficSources": [{"Identifier": "arn:tg", "Type": "elbv2"}]}
    made.call("AttachTrafficSources", **source)
    await made.settle()
    assert sorted(made.targets.registered["arn:tg"]) == sorted(made.ids())
    [shown] = made.call("DescribeTrafficSources", AutoScalingGroupName=GROUP)["TrafficSources"]
    assert (shown["Identifier"], shown["State"]) == ("arn:tg", "InService")
    made.call("DetachTrafficSources", **source)
    await made.settle()
    assert made.targets.registered["arn:tg"] == []


async def test_notifications_are_kept(tmp_path: Path) -> None:
    made = fleet(tmp_path)
    made.create()
    kinds = ["autoscaling:EC2_INSTANCE_LAUNCH"]
    made.call("PutNotificationConfiguration", AutoScalingGroupName=GROUP, TopicARN="arn:t", NotificationTypes=kinds)
    [kept] = made.call("DescribeNotificationConfigurations")["NotificationConfigurations"]
    assert kept == {"AutoScalingGroupName": GROUP, "TopicARN": "arn:t", "NotificationType": kinds[0]}
    made.call("DeleteNotificationConfiguration", AutoScalingGroupName=GROUP, TopicARN="arn:t")
    assert made.call("DescribeNotificationConfigurations")["NotificationConfigurations"] == []
