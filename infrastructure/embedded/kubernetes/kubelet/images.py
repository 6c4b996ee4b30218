"""From a container's image to the process that stands for it.

An image of the services' catalogue is the service's entry point; a cluster may know others, by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infrastructure.embedded.engines.workload import Surroundings, Workload
from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.network.edges import NOWHERE, Place
from services import catalog

KIND = "pod"
TMP = "/tmp"  # noqa: S108 - a container's
_PORT = 8080
"""Where a service listens whose container names no port."""

Mounts = tuple[tuple[str, str, bool], ...]
"""Of each mount where it lies, where it is found, and whether only to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A container's process as its pod wants it. `arguments` are command and arguments, empty for the image's own."""

    id: str
    resource: str
    address: str
    port: int | None
    zone: str
    vcpu: float
    environment: Mapping[str, str]
    arguments: tuple[str, ...]
    role: str = ""
    where: Place = NOWHERE
    mounts: Mounts = ()
    injected: Callable[[], Mounts] = lambda: ()
    """The mounts that the cluster adds of its own accord, made when asked for: an image may do without."""


class UnknownImage(Exception):
    """No program is known by that name; the text is for a person."""


class NoProgram(Exception):
    """The container cannot be made a process; the text is for a person."""


Image = Callable[[Wanted], ProcessSpec]
"""What an image makes of a container."""
Images = Callable[[str], Image]
"""The image of a name, or `UnknownImage`."""


def command(wanted: Wanted) -> ProcessSpec:
    """An image of nothing: it runs the container's own command, a program of this machine."""
    if not wanted.arguments:
        raise NoProgram("no command specified")
    return ProcessSpec(
        id=wanted.id,
        kind=KIND,
        resource=wanted.resource,
        argv=wanted.arguments,
        env=wanted.environment,
        az=wanted.zone,
        port=wanted.port,
        mounts=(*wanted.mounts, *wanted.injected()),
    )


def of_catalog(around: Surroundings) -> Images:
    """The images of the services."""

    def find(name: str) -> Image:
        try:
            service = catalog.service_of_image(name)
        except KeyError as unknown:
            raise UnknownImage(str(unknown.args[0])) from unknown
        return lambda wanted: _service(service, wanted, around)

    return find


def named(known: Mapping[str, Image]) -> Images:
    """These, whatever their tag."""

    def find(name: str) -> Image:
        repository = name.rsplit("@", 1)[0].rsplit(":", 1)[0]
        if repository not in known:
            raise UnknownImage(f"no program is built into image {name!r}; known images: {', '.join(known)}")
        return known[repository]

    return find


def _service(service: catalog.HttpService, wanted: Wanted, around: Surroundings) -> ProcessSpec:
    if wanted.arguments:
        raise NoProgram(f"the image of {service.name} runs the service and takes no command")
    if any(target != TMP for _, target, _ in wanted.mounts):
        raise NoProgram(
            f"the image of {service.name} is forked from a process that has it loaded, and has no volumes but an empty "
            f"{TMP}; give values by the environment (env, envFrom)"
        )
    return Workload(
        id=wanted.id,
        kind=KIND,
        resource=wanted.resource,
        service=service,
        port=wanted.port or _PORT,
        az=wanted.zone,
        vcpu=wanted.vcpu,
        environment={**wanted.environment, "CAFE_LISTEN": wanted.address},
        role=wanted.role,
        where=wanted.where,
    ).process(around)
