"""What a program is given by the platform, whatever runs it: who it is, whom it calls, its place and its share of CPU.

Tasks, pods, instances and functions differ in their records; what their programs see of the platform is the same.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.network.edges import NOWHERE, Place
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.pace import Pace
from services import catalog

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_SECRET_ARN_PARTS = 7
_DRAIN = "CAFE_DRAIN_MIN_S"
_DRAIN_S = 10.0
"""What the templates give; an instance gets it by its user data, which leaves alone what is there."""
_SHORTEST_DRAIN_S = 0.3
"""Longer than the load balancer goes on sending at any pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a launch needs of the platform. `secret` gives a secret's value by name or ARN, or raises anything."""

    region: str
    url: str
    """The control plane's."""
    pace: Pace
    edge: Callable[[str, str], Endpoint]
    password: Callable[[str], str]
    """What an upstream, by its name, asks its clients for."""
    secret: Callable[[str], str]
    credentials: Callable[[str, str], Credentials]
    """Those of a caller by its name and its role's."""
    stand: Callable[[str, Place], None] = lambda _service, _place: None
    """Tells the network where in the VPC a service's programs stand."""

    @classmethod
    def of(cls, context: "Context") -> "Surroundings":
        secrets = context.backends.secretsmanager
        return cls(
            region=context.region,
            url=context.url,
            pace=context.pace,
            edge=context.network.edge,
            credentials=context.keyring.workload,
            password=context.network.password,
            stand=context.network.stand,
            secret=lambda identity: str(secrets.get_secret_value(identity, None, None)["SecretString"]),
        )

    def environment(
        self,
        configured: Mapping[str, str],
        caller: str,
        service: catalog.Service | None,
        role: str = "",
        place: Place | None = None,
    ) -> dict[str, str]:
        """What was configured, under who it is and where it reaches what it calls.

        A service of the catalogue gets its edges, each of which can fail alone; any other program, unless it was
        configured otherwise, every API at the control plane. `role`: the name or ARN of the one it runs in; `place`:
        its security groups and subnets.
        """
        keys = self.credentials(caller, role)
        identity = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            **({"AWS_SESSION_TOKEN": keys.token} if keys.token is not None else {}),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }
        if service is None:
            return {"AWS_ENDPOINT_URL": self.url, **configured, **identity}
        self.stand(service.name, place or NOWHERE)
        addresses = {edge: self.edge(service.name, edge.upstream) for edge in service.edges}
        edges = {
            edge.variable: edge.form.format(host=at.host, port=at.port, password=self.password(edge.upstream))
            for edge, at in addresses.items()
        }
        drain_s = self.pace.seconds(float(configured.get(_DRAIN, _DRAIN_S)), at_least=_SHORTEST_DRAIN_S)
        paced = {"CAFE_METRIC_PERIOD_S": f"{self.pace.metric_period_s:g}", _DRAIN: f"{drain_s:g}"}
        return {**configured, **identity, **paced, **edges}

    def secret_of(self, source: str) -> str:
        """Resolve a secret's name or ARN, which may go on with `:json-key:version-stage:version-id`, as in ECS."""
        parts = source.split(":")
        is_long = source.startswith("arn:") and len(parts) > _SECRET_ARN_PARTS
        value = self.secret(":".join(parts[:_SECRET_ARN_PARTS]) if is_long else source)
        json_key = parts[_SECRET_ARN_PARTS] if is_long else ""
        return str(json.loads(value)[json_key]) if json_key else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A service's process as a record wants it: a task, a pod, an instance. `environment` is the record's own."""

    id: str
    kind: str
    resource: str
    service: catalog.Service
    port: int
    az: str
    vcpu: float
    environment: Mapping[str, str]
    role: str = ""
    """The name or ARN of the one it runs in; empty: one of its service's name."""
    where: Place = NOWHERE

    def process(self, around: Surroundings) -> ProcessSpec:
        place = {"PORT": str(self.port), "CAFE_AVAILABILITY_ZONE": self.az, "CAFE_VCPU": f"{self.vcpu:g}"}
        return ProcessSpec(
            id=self.id,
            kind=self.kind,
            resource=self.resource,
            service=self.service.name,
            entry=self.service.entry,
            port=self.port,
            az=self.az,
            env=around.environment(
                {**self.environment, **place}, self.service.name, self.service, self.role, self.where
            ),
        )
