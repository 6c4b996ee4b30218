"""The instances' calls, answered with the states in between that AWS shows: what follows is the controller's.

    pending ──▶ running ◀──▶ stopping ──▶ stopped ──▶ pending
                   └──▶ shutting-down ──▶ terminated
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

import base64
import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.ec2.metadata.options import launched, require_valid
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused

Record = Any  # moto's instances, which publish no types

CODES: Mapping[str, int] = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""The states of an instance and the codes that stand for them."""
AL2023 = "ami-0cafe202300000001"
"""The image that there is: `image/amis.json`."""
PUBLIC_IMAGES: Mapping[str, str] = {
    f"resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-{kernel}-x86_64": AL2023
    for kernel in ("default", "6.1", "6.12")
}
"""By AWS's public parameters."""
MOST_VCPUS = 64
"""Virtual CPUs of all instances that are not stopped: an account's quota for standard instances."""
CONSOLE_BYTES = 64 * 1024
"""The newest output that the console keeps, AWS's own figure."""


def set_state(instance: Record, name: str) -> dict[str, Any]:
    """Put the instance into a state; the pair of states that the calls answer with."""
    previous = copy.copy(instance._state)
    instance._state.name, instance._state.code = name, CODES[name]
    return {"InstanceId": instance.id, "PreviousState": previous, "CurrentState": copy.copy(instance._state)}


def template_version(backend: Record, named: Mapping[str, str]) -> Record:
    """The version of a launch template that a call names, by id or by name."""
    identity, name = named.get("LaunchTemplateId"), named.get("LaunchTemplateName")
    if bool(identity) == bool(name):
        text = "Either the launch template id or the launch template name must be given, and not both"
        raise Refused("InvalidParameterCombination" if identity else "MissingParameter", text)
    templates = backend.launch_templates.values()
    found = next((each for each in templates if identity == each.id or name == each.name), None)
    if found is None:
        code = "InvalidLaunchTemplateId.NotFound" if identity else "InvalidLaunchTemplateName.NotFoundException"
        raise Refused(code, f"The specified launch template, {identity or name}, does not exist.")
    return found.get_version(named.get("Version") or "$Default")


class InstancesApi:
    """`console` gives an instance's output, newest last. `reboots` are the instances that are still to boot anew."""

    def __init__(self, backend: Record, operations: Operations, console: Callable[[str], bytes]) -> None:
        self._backend = backend
        self._operations = operations
        self._console = console
        self.reboots: set[str] = set()
        self.cut: set[str] = set()
        """Those that end without shutting down first: their power is cut."""

    @operation("RunInstances", effect="machines boot: their user data runs as a process group")
    def _run(self, given: Members) -> Output:
        """As many as there may be; moto makes the least number that was asked for."""
        count = int(given["MaxCount"])
        if count < int(given["MinCount"]) or count < 1:
            raise Refused("InvalidParameterValue", "MaxCount must be at least 1, and not below MinCount")
        image = self._image(given)
        options = given.get("MetadataOptions") or {}
        require_valid(options)
        self._require_quota(given, count)
        if given.get("DryRun"):
            raise _dry_run()
        self._operations.moto("ec2", "RunInstances", {**given, "MinCount": count, "ImageId": image})
        made = list(self._backend.reservations.values())[-1]
        for instance in made.instances:
            set_state(instance, "pending")
            launched(instance, self._template(given).get("MetadataOptions") or {}, options)
        return {"ReservationId": made.id, "OwnerId": made.owner_id, "Groups": [], "Instances": made.instances}

    def _image(self, given: Members) -> str:
        """The image's id; one of Amazon's newest may be named by its public parameter, as in launch templates."""
        image = given.get("ImageId") or self._template(given).get("ImageId")
        if not image:
            raise Refused("MissingParameter", "The request must contain the parameter ImageId")
        image = PUBLIC_IMAGES.get(image, image)
        self._backend.describe_images(ami_ids=[image])
        return str(image)

    def _template(self, given: Members) -> Mapping[str, Any]:
        """The data of the launch template that a call names; nothing without one."""
        named = given.get("LaunchTemplate")
        return template_version(self._backend, named).data if named is not None else {}

    def _require_quota(self, given: Members, count: int) -> None:
        standing = [each for each in self._backend.all_instances() if each.state in ("pending", "running")]
        if len(standing) + count > MOST_VCPUS:
            raise Refused(
                "VcpuLimitExceeded",
                f"You have requested more vCPU capacity than your current vCPU limit of {MOST_VCPUS} allows",
            )

    @operation("TerminateInstances", effect="SIGTERM, later SIGKILL; SIGKILL at once with SkipOsShutdown; gone")
    def _terminate(self, given: Members) -> Output:
        """All of them or none; one that is terminated stays so."""
        found = self._named(given)
        for instance in found:
            if instance.disable_api_termination:
                text = (
                    f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' instance"
                )
                raise Refused("OperationNotPermitted", f"{text} attribute and try again.")
        self._cut(given, found)
        return {"TerminatingInstances": [self._leave(each, "shutting-down", "terminated") for each in found]}

    @operation(
        "StopInstances", effect="as TerminateInstances, but the machine keeps its folder and boots again on request"
    )
    def _stop(self, given: Members) -> Output:
        found = self._named(given)
        for instance in found:
            if instance.disable_api_stop:
                text = f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance"
                raise Refused("OperationNotPermitted", f"{text} attribute and try again.")
            self._require_state(instance, "stopped", "pending", "running", "stopping", "stopped")
        self._cut(given, found)
        return {"StoppingInstances": [self._leave(each, "stopping", "stopped") for each in found]}

    @operation("StartInstances", effect="the machine boots, with what its folder holds")
    def _start(self, given: Members) -> Output:
        found = self._named(given)
        for instance in found:
            self._require_state(instance, "started", "pending", "running", "stopped")
        return {"StartingInstances": [self._begin(each) for each in found]}

    @operation("RebootInstances", effect="the process group ends and starts anew; the state stays running")
    def _reboot(self, given: Members) -> None:
        found = self._named(given)
        for instance in found:
            self._require_state(instance, "rebooted", "running")
        self.reboots.update(each.id for each in found)

    @operation("GetConsoleOutput")
    def _output(self, given: Members) -> Output:
        """What the user data and all that it started have written."""
        [instance] = self._backend.get_multi_instances_by_id([given["InstanceId"]])
        text = base64.b64encode(self._console(instance.id)[-CONSOLE_BYTES:]).decode()
        return {"InstanceId": instance.id, "Output": text, "Timestamp": datetime.now(UTC)}

    def _named(self, given: Members) -> list[Record]:
        """The instances that a call names, each once; refuses in moto's words, which are AWS's."""
        found = self._backend.get_multi_instances_by_id(list(dict.fromkeys(given["InstanceIds"])))
        if given.get("DryRun"):
            raise _dry_run()
        return list(found)

    def _cut(self, given: Members, found: list[Record]) -> None:
        """Source: EC2 User Guide, "Terminate Amazon EC2 instances", skip OS shutdown."""
        if given.get("SkipOsShutdown"):
            self.cut.update(each.id for each in found)

    def _leave(self, instance: Record, towards: str, end: str) -> dict[str, Any]:
        is_there = instance.state in (towards, end) or (instance.state == "stopped" and end == "terminated")
        reached = end if is_there and instance.state != towards else towards
        self.reboots.discard(instance.id)
        return set_state(instance, reached)

    @staticmethod
    def _begin(instance: Record) -> dict[str, Any]:
        return set_state(instance, "pending" if instance.state == "stopped" else instance.state)

    @staticmethod
    def _require_state(instance: Record, done: str, *allowed: str) -> None:
        if instance.state not in allowed:
            text = f"The instance '{instance.id}' is not in a state from which it can be {done}."
            raise Refused("IncorrectInstanceState", text)


def _dry_run() -> Refused:
    return Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412)
