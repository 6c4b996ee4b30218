"""The keys of an instance's role: those of its profile's, for a session called after the instance, given out anew
before they expire.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.apis.ec2.machine import service_of
from infrastructure.embedded.apis.ec2.metadata.tree import RoleKeys

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

Record = Any  # moto's, which publishes no types

LASTS_S = 6 * 3600.0
"""For how long keys are good."""
EARLY_S = 3600.0
"""New ones are there this long before the old ones expire: AWS promises five minutes."""
_TEMPLATE = "aws:ec2launchtemplate:id"
_VERSION = "aws:ec2launchtemplate:version"


class Roles:
    """`clock` gives Unix seconds."""

    def __init__(self, context: "Context", clock: Callable[[], float]) -> None:
        self._backends = context.backends
        self._keyring = context.keyring
        self._clock = clock
        self._given: dict[tuple[str, str], RoleKeys] = {}

    def keys_of(self, instance: Record) -> RoleKeys | None:
        """Those of the instance's role at this moment; None without a profile, or with one that has no role."""
        profile = self._profile(instance)
        if profile is None or not profile.roles:
            return None
        role, now = profile.roles[0], self._clock()
        kept = self._given.get((instance.id, role.name))
        if kept is not None and kept.expires_at.timestamp() - now > EARLY_S:
            return kept
        service = service_of(instance)
        issued = self._keyring.session(
            role=role.name,
            session=instance.id,
            role_id=role.id,
            name=service.name if service else instance.id,
            expires_at=now + LASTS_S,
        )
        made = RoleKeys(
            role=role.name,
            profile_arn=profile.arn,
            profile_id=profile.id,
            credentials=issued.credentials,
            updated_at=datetime.fromtimestamp(now, UTC),
            expires_at=datetime.fromtimestamp(now + LASTS_S, UTC),
        )
        self._given[instance.id, role.name] = made
        return made

    def forget(self, instance: str) -> None:
        """It is gone; its keys live on until they expire, as on AWS."""
        for key in [each for each in self._given if each[0] == instance]:
            del self._given[key]

    def _profile(self, instance: Record) -> Record | None:
        """The one that was associated with the instance; else its template's."""
        association = self._backends.ec2.iam_instance_profile_associations.get(instance.id)
        if association is not None:
            return association.iam_instance_profile
        named = self._template_of(instance).get("IamInstanceProfile") or {}
        profiles = self._backends.iam.instance_profiles.values()
        return next((each for each in profiles if each.arn == named.get("Arn") or each.name == named.get("Name")), None)

    def _template_of(self, instance: Record) -> Mapping[str, Any]:
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        template = self._backends.ec2.launch_templates.get(tags.get(_TEMPLATE, ""))
        return template.get_version(tags[_VERSION]).data if template is not None else {}
