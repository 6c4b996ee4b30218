"""Instances over moto's records, with real machines: user data runs, states are honest, ends are ends."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.ec2.controller import Ec2Controller
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.ecs_world import World, world
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio

IMAGE = "ami-0cafe202300000001"
SERVE = '#!/bin/sh\necho "I am $CAFE_INSTANCE_ID"\necho ready >here\nexec sleep 60\n'


@dataclass(slots=True)
class Instances:
    world: World
    controller: Ec2Controller
    state: StateFolder

    def call(self, action: str, **members: Any) -> Any:
        return self.world.backends.operations.call("ec2", action, **members)

    def run(self, user_data: str = SERVE, **changes: Any) -> str:
        given = {"ImageId": IMAGE, "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1}
        given |= {"UserData": base64.b64encode(user_data.encode()).decode(), **changes}
        self.call("RunInstances", **given)
        return str(self.world.backends.ec2.all_instances()[-1].id)

    def state_of(self, instance: str) -> str:
        return str(self.world.backends.ec2.get_instance(instance).state)

    def console(self, instance: str) -> str:
        output = self.call("GetConsoleOutput", InstanceId=instance)["Output"]
        return base64.b64decode(output).decode()

    async def settle(self) -> None:
        for _ in range(3):
            await reconcile(self.controller)

    async def console_says(self, instance: str, words: str) -> None:
        await processes.eventually(lambda: words in self.console(instance) or None)

    @property
    def machines(self) -> list[Any]:
        return [each for each in self.world.context.supervisor.processes.values() if each.spec.kind == "ec2-instance"]


@asynccontextmanager
async def platform(folder: Path) -> AsyncIterator[Instances]:
    state = StateFolder(folder)
    made = world(state)
    made.context = replace(
        made.context,
        supervisor=Supervisor(state, zygote=processes.LIGHT_ZYGOTE),
        ports=Ports(),
        pace=replace(made.context.pace, speedup=1e6),
    )
    controller = Ec2Controller(made.context)
    try:
        yield Instances(made, controller, state)
    finally:
        await controller.close()
        await made.context.supervisor.close()
        made.context.ports.close()


def files(folder: Path, instance: str) -> list[str]:
    """The names of what the machine has written; none without its folder."""
    return [file.name for file in StateFolder(folder).run.rglob(f"{instance}/*")]


async def test_user_data_is_run_in_the_machines_folder_and_shows_on_its_console(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        assert ec2.state_of(instance) == "pending"
        await ec2.settle()
        assert ec2.state_of(instance) == "running"
        await ec2.console_says(instance, f"I am {instance}")
        await processes.eventually(lambda: "here" in files(tmp_path, instance) or None)


async def test_a_terminated_instance_shuts_down_first_and_leaves_nothing(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        await ec2.settle()
        [process] = ec2.machines
        [answer] = ec2.call("TerminateInstances", InstanceIds=[instance])["TerminatingInstances"]
        assert (answer["PreviousState"].name, answer["CurrentState"].name) == ("running", "shutting-down")
        await ec2.settle()
        assert ec2.state_of(instance) == "terminated"
        assert process.state == "exited"
        assert not files(tmp_path, instance)
        [again] = ec2.call("TerminateInstances", InstanceIds=[instance])["TerminatingInstances"]
        assert again["CurrentState"].name == "terminated"


LAST_WORDS = "#!/bin/sh\ntrap 'echo last words; exit 0' TERM\necho up\nwhile :; do sleep 0.1; done\n"


@pytest.mark.parametrize(("skip", "said"), [(False, True), (True, False)], ids=["shut down", "power cut"])
async def test_an_instance_whose_power_is_cut_does_nothing_more(tmp_path: Path, skip: bool, said: bool) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run(LAST_WORDS)
        await ec2.settle()
        await ec2.console_says(instance, "up")
        [process] = ec2.machines
        log = ec2.state.logs / f"{process.spec.id}.log"
        ec2.call("TerminateInstances", InstanceIds=[instance], SkipOsShutdown=skip)
        await ec2.settle()
        assert (ec2.state_of(instance), process.state) == ("terminated", "exited")
        assert ("last words" in log.read_text()) == said


async def test_a_stopped_instance_keeps_its_folder_and_starts_again(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        await ec2.settle()
        before = [each.pid for each in ec2.machines]
        ec2.call("StopInstances", InstanceIds=[instance])
        assert ec2.state_of(instance) == "stopping"
        await ec2.settle()
        assert (ec2.state_of(instance), ec2.machines) == ("stopped", [])
        ec2.call("StartInstances", InstanceIds=[instance])
        assert ec2.state_of(instance) == "pending"
        await ec2.settle()
        assert ec2.state_of(instance) == "running"
        assert [each.pid for each in ec2.machines] != before


async def test_a_reboot_is_a_new_process_of_a_running_instance(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        await ec2.settle()
        [before] = ec2.machines
        ec2.call("RebootInstances", InstanceIds=[instance])
        await ec2.settle()
        [after] = ec2.machines
        assert ec2.state_of(instance) == "running"
        assert (before.state, after.pid != before.pid) == ("exited", True)


async def test_an_instance_whose_user_data_fails_runs_and_says_why(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run("#!/bin/sh\necho no such package >&2\nexit 7\n")
        await ec2.settle()
        await ec2.console_says(instance, "no such package\ncloud-init: user data ended with 7")
        assert ec2.state_of(instance) == "running"


@pytest.mark.parametrize("user_data", ["echo no script", ""])
async def test_user_data_that_is_no_script_is_not_run(tmp_path: Path, user_data: str) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run(user_data)
        await ec2.settle()
        assert (ec2.state_of(instance), ec2.machines) == ("running", [])
        assert "does not begin with #!" in ec2.console(instance)


async def test_as_many_are_launched_as_there_may_be(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        ec2.run(MinCount=1, MaxCount=3)
        assert len(ec2.world.backends.ec2.all_instances()) == 3
        with pytest.raises(Refused, match="VcpuLimitExceeded"):
            ec2.run(MinCount=62, MaxCount=62)


async def test_a_launch_template_brings_what_the_call_leaves_out(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        script = base64.b64encode(b"#!/bin/sh\necho from the template\n").decode()
        data = {"ImageId": IMAGE, "InstanceType": "t2.micro", "UserData": script}
        ec2.call("CreateLaunchTemplate", LaunchTemplateName="web", LaunchTemplateData=data)
        ec2.call(
            "RunInstances", LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"}, MinCount=1, MaxCount=1
        )
        await ec2.settle()
        [instance] = ec2.world.backends.ec2.all_instances()
        await ec2.console_says(instance.id, "from the template")


async def test_what_cannot_be_done_in_a_state_is_refused(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        ec2.call("TerminateInstances", InstanceIds=[instance])
        for action in ("StopInstances", "StartInstances", "RebootInstances"):
            with pytest.raises(Refused, match="IncorrectInstanceState"):
                ec2.call(action, InstanceIds=[instance])
        with pytest.raises(Exception, match=r"InvalidInstanceID.NotFound.*i-0123456789abcdef0"):
            ec2.call("StopInstances", InstanceIds=["i-0123456789abcdef0"])


async def test_an_unknown_image_is_refused(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        with pytest.raises(Exception, match=r"InvalidAMIID.NotFound.*ami-00000000000000000"):
            ec2.run(ImageId="ami-00000000000000000")


async def test_where_an_instance_serves_is_known_while_it_runs(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        assert ec2.controller.endpoint(instance) is None
        await ec2.settle()
        found = ec2.controller.endpoint(instance)
        assert found is not None
        assert str(found.port) in str(ec2.machines[0].spec.env["PORT"])
        ec2.call("StopInstances", InstanceIds=[instance])
        assert ec2.controller.endpoint(instance) is None


async def test_cpu_is_measured_on_the_machines_processes(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run("#!/bin/sh\nwhile :; do :; done\n")
        await ec2.settle()
        [process] = ec2.machines
        await processes.eventually(lambda: process.usage().cpu_s > 0.05 or None)
        found = list(ec2.controller.metrics.collect(1.0))
        assert [dict(each.dimensions) for each in found] == [{"InstanceId": instance}]
        assert found[0].value > 0
