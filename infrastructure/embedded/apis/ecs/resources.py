"""AWS::ECS::Cluster, TaskDefinition and Service, with all their properties: moto's own types drop most of them."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Resource, require_only

_FREE_FORM = frozenset({"Options", "DockerLabels", "DriverOpts", "Labels"})
"""Maps whose keys are the user's own."""
_TEXT = frozenset({"cpu", "memory"})
"""Numbers that a task definition takes as text."""
_ON_UPDATE = (
    "DesiredCount",
    "TaskDefinition",
    "NetworkConfiguration",
    "DeploymentConfiguration",
    "HealthCheckGracePeriodSeconds",
    "LoadBalancers",
    "PropagateTags",
)


class EcsCluster(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name."""

    TYPE: ClassVar[str] = "AWS::ECS::Cluster"
    NAME: ClassVar[str] = "ClusterName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        made = api("ecs", "CreateCluster", **_camel({**properties, "ClusterName": name}))["cluster"]
        return cls(name, properties, {"Arn": made.arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        if "Tags" in require_only(self, properties, ("Tags",)):
            _retag(api, self.attributes["Arn"], self.properties, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        cluster = api.backend("ecs").clusters.get(self.physical_resource_id)
        if cluster is not None and cluster.status == "ACTIVE":
            api("ecs", "DeleteCluster", cluster=self.physical_resource_id)
        api.backend("ecs").clusters.pop(self.physical_resource_id, None)


class EcsTaskDefinition(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives the ARN of its revision; each change makes another revision."""

    TYPE: ClassVar[str] = "AWS::ECS::TaskDefinition"
    NAME: ClassVar[str] = "Family"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"TaskDefinitionArn"})
    IS_REPLACED: ClassVar[bool] = True

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = _camel({**properties, "Family": name})
        wanted |= {key: str(wanted[key]) for key in _TEXT if key in wanted}
        arn = api("ecs", "RegisterTaskDefinition", **wanted)["taskDefinition"].arn
        return cls(arn, properties, {"TaskDefinitionArn": arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        """A new revision."""
        family = self.physical_resource_id.rpartition("/")[2].partition(":")[0]
        return self.create(api, properties.get("Family", family), properties)

    def delete(self, api: Api) -> None:
        """Deregister: as on AWS, the revision can still be described."""
        api("ecs", "DeregisterTaskDefinition", taskDefinition=self.physical_resource_id)


class EcsService(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN. It is created once it is recorded: its tasks start after that."""

    TYPE: ClassVar[str] = "AWS::ECS::Service"
    NAME: ClassVar[str] = "ServiceName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Name", "ServiceArn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        made = api("ecs", "CreateService", **_camel({"DesiredCount": 1, **properties, "ServiceName": name}))["service"]
        return cls(made.arn, properties, {"Name": name, "ServiceArn": made.arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        """Change what changed and no more: the desired count may be target tracking's by now."""
        changed = require_only(self, properties, (*_ON_UPDATE, "Tags"))
        wanted = {name: properties[name] for name in changed if name in _ON_UPDATE and name in properties}
        if wanted:
            where = {"cluster": properties.get("Cluster"), "service": self.attributes["Name"]}
            api("ecs", "UpdateService", **where, **_camel(wanted))
        if "Tags" in changed:
            _retag(api, self.physical_resource_id, self.properties, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if not self.is_gone(api):
            where = {"cluster": self.properties.get("Cluster"), "service": self.attributes["Name"]}
            api("ecs", "DeleteService", **where, force=True)

    def is_gone(self, api: Api) -> bool:
        """Its tasks are drained and stopped."""
        return all(record.status == "INACTIVE" for record in self._records(api))

    def _records(self, api: Api) -> list[Any]:
        return [record for record in api.backend("ecs").services.values() if record.arn == self.physical_resource_id]


def _retag(api: Api, arn: object, before: Properties, after: Properties) -> None:
    gone = {tag["Key"] for tag in before.get("Tags", ())} - {tag["Key"] for tag in after.get("Tags", ())}
    if gone:
        api("ecs", "UntagResource", resourceArn=arn, tagKeys=sorted(gone))
    if after.get("Tags"):
        api("ecs", "TagResource", resourceArn=arn, tags=_camel({"Tags": after["Tags"]})["tags"])


def _camel(value: Any) -> Any:
    """A template's `ContainerDefinitions` as the API's `containerDefinitions`, all the way down."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name[:1].lower() + name[1:]: _inner(name, each) for name, each in value.items()}


def _inner(name: str, value: Any) -> Any:
    if name in _FREE_FORM:
        return value
    if name in ("Environment", "Secrets") and isinstance(value, list):
        return [{key: str(each) for key, each in _camel(entry).items()} for entry in value]
    return _camel(value)
