"""The machine behind an instance: a folder, a port, and its user data, which is really run as a process group.

User data begins with `#!`, as cloud-init's shell scripts do; whatever it starts belongs to the machine. Where the
image has the program `cafe-service`, a script finds it in PATH and becomes the service; elsewhere it installs it first.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
"""

import base64
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.network.edges import Place
from services import catalog

Record = Any  # moto's instances, which publish no types

KIND = "ec2-instance"
VCPU_SHARE = 0.25
"""What a virtual CPU of an instance is here: this part of one of the machine's cores."""
SERVICE_TAG = "Service"
"""The tag by which an instance is a service's: it is given the edges to what that service calls."""
_BUILTIN = Path(__file__).with_name("image")
"""What every image has in its PATH."""


@dataclass(slots=True, eq=False)
class Machine:
    """What stands for one instance; `due_at` is when it boots (Unix seconds), `boots` how often it has."""

    id: str
    folder: Path
    port: int
    due_at: float
    metadata: str = ""
    """The URL of its metadata service, once it has booted."""
    boots: int = 0
    process: Process | None = None
    note: str = ""
    """What its console says beside what its programs write."""

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.state != "exited"

    @property
    def log(self) -> str:
        """The id of its process, and the name of its log."""
        return f"{self.id}-{self.boots}"


def vcpu(instance: Record) -> float:
    """Cores of this machine that the instance may use."""
    return float(_size(instance, "VCpuInfo", "DefaultVCpus", 1)) * VCPU_SHARE


def _size(instance: Record, group: str, name: str, otherwise: int) -> int:
    known: dict[str, Any] = importlib.import_module("moto.ec2.models.instance_types").INSTANCE_TYPES
    return int(known.get(instance.instance_type, {}).get(group, {}).get(name, otherwise))


def user_data(instance: Record) -> str:
    """The instance's user data as text; empty without any, or with what is no text."""
    try:
        return base64.b64decode(str(instance.user_data or "")).decode()
    except ValueError:
        return ""


def tags(instance: Record) -> dict[str, str]:
    """The instance's tags, its group's and its template's among them."""
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def service_of(instance: Record) -> catalog.Service | None:
    """The service of the catalogue that the instance is tagged as, if it is."""
    named = tags(instance).get(SERVICE_TAG)
    return next((service for service in catalog.SERVICES if service.name == named), None)


def _place(instance: Record) -> Place:
    groups = tuple(group.id for group in instance.security_groups)
    return Place(groups=groups, subnets=(instance.subnet_id,) if instance.subnet_id else ())


def program(instance: Record, machine: Machine, around: Surroundings) -> ProcessSpec | None:
    """What to run for the instance; None when its user data is no script, which nothing runs on AWS either."""
    script = user_data(instance)
    if not script.startswith("#!"):
        return None
    machine.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = machine.folder / "user-data"
    file.write_text(script, encoding="utf-8")
    file.chmod(0o700)
    service = service_of(instance)
    place = {
        "HOME": str(machine.folder),
        "PATH": f"{_BUILTIN}:/usr/local/bin:/usr/bin:/bin",
        "CAFE_PYTHON": sys.executable,
        "PORT": str(machine.port),
        "CAFE_INSTANCE_ID": instance.id,
        "CAFE_AVAILABILITY_ZONE": instance.availability_zone,
        "CAFE_VCPU": f"{vcpu(instance):g}",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.metadata,
    }
    return ProcessSpec(
        id=machine.log,
        kind=KIND,
        resource=instance.id,
        service=service.name if service else None,
        argv=(str(file),),
        port=machine.port,
        az=instance.availability_zone,
        folder=machine.folder,
        account=machine.id,
        env=around.environment(place, service.name if service else instance.id, service, place=_place(instance)),
    )
