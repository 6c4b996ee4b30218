"""Groups over real records of EC2, with processes and load balancers made of nothing."""

import asyncio
import base64
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.embedded.apis.autoscaling.controller import AutoScalingController
from infrastructure.embedded.apis.ec2.controller import Ec2Controller
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

IMAGE = "ami-0cafe202300000001"
GROUP = "loyalty"


class FakeTargetGroups:
    """What load balancers say of instances: `healthy`, unless a test says otherwise."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.registered: dict[str, list[str]] = {"arn:tg": []}

    @operation("DescribeTargetGroups")
    def groups(self, given: Members) -> Output:
        check = {"HealthCheckProtocol": "HTTP", "HealthCheckPath": "/ready"}
        return {"TargetGroups": [{"TargetGroupArn": each, **check} for each in given["TargetGroupArns"]]}

    @operation("DescribeTargetGroupAttributes")
    def attributes(self, _given: Members) -> Output:
        return {"Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "50"}]}

    @operation("RegisterTargets")
    def register(self, given: Members) -> None:
        self.registered[given["TargetGroupArn"]] += [each["Id"] for each in given["Targets"]]

    @operation("DeregisterTargets")
    def deregister(self, given: Members) -> None:
        for each in given["Targets"]:
            self.registered[given["TargetGroupArn"]].remove(each["Id"])

    @operation("DescribeTargetHealth")
    def health(self, given: Members) -> Output:
        states = [self.states.get(each["Id"], "healthy") for each in given["Targets"]]
        texts = {"unhealthy": "Health checks failed with these codes: [404]"}
        found = [{"State": state, "Description": texts.get(state)} for state in states]
        return {"TargetHealthDescriptions": [{"TargetHealth": each} for each in found]}


class NoMetadata:
    """Nobody asks."""

    async def open(self, instance: str) -> str:
        return f"http://metadata.of.{instance}"

    def close(self, instance: str) -> None:
        """There is nothing to close."""


@dataclass(slots=True)
class Fleet:
    """A world with a launch template `web`, and calls on it. Its clock stands still unless a test moves it."""

    world: World
    ec2: Ec2Controller
    controller: AutoScalingController
    targets: FakeTargetGroups

    def call(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("autoscaling", action, **members)

    def launch(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("ec2", action, **members)

    def version(self, user_data: str = "#!/bin/sh\nexec sleep 60\n", **changes: Any) -> None:
        """A new version of the launch template."""
        script = base64.b64encode(user_data.encode()).decode()
        data = {"ImageId": IMAGE, "InstanceType": "t2.micro", "UserData": script, **changes}
        self.launch("CreateLaunchTemplateVersion", LaunchTemplateName="web", LaunchTemplateData=data)

    def create(self, **changes: Any) -> None:
        given: dict[str, Any] = {
            "AutoScalingGroupName": GROUP,
            "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"},
            "MinSize": 2,
            "MaxSize": 4,
            "VPCZoneIdentifier": ",".join(self.world.subnets),
        }
        self.call("CreateAutoScalingGroup", **given | changes)

    @property
    def group(self) -> Any:
        [found] = self.call("DescribeAutoScalingGroups", AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
        return found

    @property
    def instances(self) -> list[Any]:
        return list(self.group["Instances"])

    def ids(self, state: str = "InService") -> list[str]:
        return [each["InstanceId"] for each in self.instances if each["LifecycleState"] == state]

    @property
    def zones(self) -> Counter[str]:
        return Counter(each["AvailabilityZone"] for each in self.instances)

    @property
    def refresh(self) -> Any:
        return self.call("DescribeInstanceRefreshes", AutoScalingGroupName=GROUP)["InstanceRefreshes"][0]

    def causes(self) -> list[str]:
        found = self.call("DescribeScalingActivities", AutoScalingGroupName=GROUP)["Activities"]
        return [str(each["Cause"]) for each in found]

    def later(self, seconds: float) -> None:
        self.world.now[0] += seconds

    async def settle(self, passes: int = 8) -> None:
        """Let both controllers do what is to be done at this moment."""
        for _ in range(passes):
            await reconcile(self.ec2)
            await reconcile(self.controller)
            await asyncio.sleep(0)


def fleet(folder: Path) -> Fleet:
    made = world(StateFolder(folder))
    targets = FakeTargetGroups()
    operations = made.backends.operations
    operations.bind("elasticloadbalancing", targets)
    ec2 = Ec2Controller(made.context, clock=made.clock, metadata=NoMetadata())
    found = Fleet(made, ec2, AutoScalingController(made.context, clock=made.clock), targets)
    found.launch(
        "CreateLaunchTemplate",
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t2.micro"},
    )
    found.version()
    return found
