"""What the Lambda API has on record: functions with their versions and aliases, layers; and how they are named.

Our own records, not moto's: moto's awslambda back end unpacks code into Docker volumes and runs it in a container; with
that taken out little was left of it. Source: AWS Lambda API Reference, types and patterns.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import invalid, not_found
from infrastructure.embedded.engines.functions.engine import CodePackage
from infrastructure.embedded.gateway.refused import Refused

LATEST = "$LATEST"
_NAME = r"[a-zA-Z0-9-_]{1,64}"
_FUNCTION = re.compile(
    rf"(?:(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{{12}}):function:|function:)?"
    rf"(?P<name>{_NAME})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]{{1,128}}))?"
)


def timestamp() -> str:
    """Now, as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One version of a layer; `folder` is where its archive is unpacked."""

    name: str
    version: int
    layer_arn: str
    package: CodePackage
    folder: Path
    created: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """What is read back as it was written: description, licence, compatible runtimes and architectures."""

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One function's version, code and settings: `$LATEST`, or a published one, which never changes.

    `timeout_s` and `memory_mb` as configured; `folder` is where the code is unpacked. `details` are settings that are
    read back as they were written and change nothing here (VpcConfig, TracingConfig, Architectures …).
    """

    name: str
    arn: str
    """The function's, unqualified."""
    version: str = LATEST
    role: str
    handler: str
    runtime: str
    timeout_s: int = 3
    memory_mb: int = 128
    description: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[LayerVersion, ...] = ()
    dead_letter_arn: str = ""
    package: CodePackage
    folder: Path
    details: Mapping[str, Any] = field(default_factory=dict)
    revision_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    last_modified: str = field(default_factory=timestamp)

    @property
    def key(self) -> str:
        """What sandboxes are shared by: another revision has others."""
        return f"{self.arn}:{self.version}:{self.revision_id}"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.folder, *(layer.folder for layer in self.layers))

    def changed(self, **members: Any) -> "Configuration":
        return replace(self, **members, revision_id=str(uuid.uuid4()), last_modified=timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for a version, or for two by weight: `weights` gives the further versions' shares, 0 to 1."""

    name: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    revision_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True, kw_only=True)
class Function:
    """A function: what changes is here, each state of it is a `Configuration`."""

    latest: Configuration
    versions: dict[str, Configuration] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    statements: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """The resource-based policy: by qualifier and statement id."""
    published: int = 0

    @property
    def arn(self) -> str:
        return self.latest.arn

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """$LATEST, then the published versions in order."""
        return (self.latest, *self.versions.values())

    def version(self, qualifier: str) -> Configuration | None:
        """The version that a qualifier names, an alias by its main version; None when there is none."""
        alias = self.aliases.get(qualifier)
        version = alias.version if alias is not None else qualifier
        return self.latest if version in ("", LATEST) else self.versions.get(version)


class Records:
    """All functions and layers of one account and region."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, dict[int, LayerVersion]] = {}

    def arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"

    def layer_arn(self, name: str) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{name}"

    def split(self, identifier: str, qualifier: str = "") -> tuple[str, str]:
        """Name and qualifier of a name, a partial ARN or an ARN; a refusal when it is none or contradicts itself."""
        match = _FUNCTION.fullmatch(identifier)
        if match is None:
            raise Refused("ValidationException", f"{identifier!r} is no function's name or ARN", Type="User")
        own, inside = match["name"], match["qualifier"] or ""
        if qualifier and inside and qualifier != inside:
            raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
        if match["region"] not in (None, self.region) or match["account"] not in (None, self.account):
            raise not_found(f"Function not found: {identifier}")
        return own, qualifier or inside

    def function(self, identifier: str) -> Function:
        """`ResourceNotFoundException` when there is none."""
        name, qualifier = self.split(identifier)
        found = self.functions.get(name)
        if found is None:
            raise not_found(f"Function not found: {self.arn(name)}{f':{qualifier}' if qualifier else ''}")
        return found

    def configuration(self, identifier: str, qualifier: str = "") -> Configuration:
        """A version; `ResourceNotFoundException` when there is none."""
        name, qualifier = self.split(identifier, qualifier)
        found = self.function(name).version(qualifier)
        if found is None:
            raise not_found(f"Function not found: {self.arn(name)}:{qualifier}")
        return found

    def layer_version(self, arn: str) -> LayerVersion:
        """By the ARN of a version; a refusal as CreateFunction gives it when there is none."""
        layer, _, version = arn.rpartition(":")
        name = layer.rpartition(":")[2]
        found = self.layers.get(name, {}).get(int(version) if version.isdigit() else 0)
        if found is None or found.arn != arn:
            raise invalid(f"Layer version {arn} does not exist.")
        return found

    def folders(self) -> set[Path]:
        """Every folder of unpacked content that something on record refers to."""
        return set(self._folders())

    def _folders(self) -> Iterator[Path]:
        for function in self.functions.values():
            for configuration in function.configurations:
                yield from configuration.folders
        for versions in self.layers.values():
            yield from (version.folder for version in versions.values())
