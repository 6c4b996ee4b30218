"""The instances' doorways to their metadata: open from an instance's first boot until it is gone."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from infrastructure.embedded.apis.ec2.machine import user_data
from infrastructure.embedded.apis.ec2.metadata.roles import Roles
from infrastructure.embedded.apis.ec2.metadata.service import MetadataService, View
from infrastructure.embedded.apis.ec2.metadata.tokens import Tokens
from infrastructure.embedded.apis.ec2.metadata.tree import Facts, Interface
from infrastructure.embedded.host.doorway import Doorway, HttpConnection, HttpRequest

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

Record = Any  # moto's, which publishes no types


class Metadata(Protocol):
    """Where instances learn who they are."""

    async def open(self, instance: str) -> str:
        """Answer `instance` from now on; the URL for its programs. `OSError` when the system has no port."""

    def close(self, instance: str) -> None:
        """The instance is gone. One that has none open is passed over."""


class MetadataListeners:
    """One for each instance, by its id; `clock` gives Unix seconds."""

    def __init__(self, context: "Context", clock: Callable[[], float]) -> None:
        self._context = context
        self._clock = clock
        self._backend = context.backends.ec2
        self._roles = Roles(context, clock)
        self._open: dict[str, Doorway] = {}

    async def open(self, instance: str) -> str:
        service = MetadataService(Tokens(self._clock), lambda: self._view(instance))

        def answer(connection: HttpConnection, request: HttpRequest) -> None:
            found = service.answer(request)
            headers = {"Content-Type": "text/plain", "Server": "EC2ws", **found.headers}
            connection.answer(found.status, found.text.encode(), headers)

        own = self._context.supervisor.users.of(instance)
        users = {os.getuid(), os.getuid() if own is None else own}
        doorway = Doorway(f"the metadata of {instance}", users, answer)
        address = await doorway.serve()
        self._open[instance] = doorway
        return f"http://{address}"

    def close(self, instance: str) -> None:
        doorway = self._open.pop(instance, None)
        if doorway is not None:
            doorway.close()
        self._roles.forget(instance)

    def _view(self, identity: str) -> View:
        instance = self._backend.get_instance_by_id(identity)
        options = instance.metadata_options if instance is not None else None
        return View(
            is_enabled=options is not None and options.http_endpoint == "enabled",
            needs_token=options is None or options.http_tokens == "required",
            facts=lambda: self._facts(instance),
        )

    def _facts(self, instance: Record) -> Facts:
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        zones = {zone.name: zone.zone_id for zone in self._backend.describe_availability_zones()}
        return Facts(
            id=instance.id,
            account=self._context.account,
            region=self._context.region,
            zone=instance.availability_zone,
            zone_id=zones.get(instance.availability_zone, ""),
            image=instance.image_id,
            type=instance.instance_type,
            architecture=instance.architecture,
            launch_index=int(instance.ami_launch_index),
            launched_at=_utc(instance.launch_time),
            address=instance.private_ip,
            hostname=instance.private_dns_name,
            reservation=self._reservation(instance.id),
            groups=[(group.id, group.name) for group in instance.security_groups],
            interfaces=[self._interface(eni, device) for device, eni in sorted(instance.nics.items())],
            keys=self._roles.keys_of(instance),
            tags=tags if instance.metadata_options.instance_metadata_tags == "enabled" else None,
            lifecycle_state=self._context.couplings.lifecycle_state(instance.id),
            user_data=user_data(instance) or None,
        )

    def _interface(self, eni: Record, device: int) -> Interface:
        vpc = self._backend.get_vpc(eni.subnet.vpc_id)
        return Interface(
            id=eni.id,
            mac=eni.mac_address,
            device=device,
            address=eni.private_ip_address,
            subnet=eni.subnet.id,
            subnet_block=eni.subnet.cidr_block,
            vpc=eni.subnet.vpc_id,
            vpc_block=vpc.cidr_block if vpc is not None else "",
        )

    def _reservation(self, instance: str) -> str:
        reservations = self._backend.reservations.values()
        return next((each.id for each in reservations if any(one.id == instance for one in each.instances)), "")


def _utc(at: Any) -> datetime:
    """moto's times have no zone, and are UTC."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)  # type: ignore[no-any-return]
