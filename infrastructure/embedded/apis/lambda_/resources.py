"""AWS::Lambda::Function, LayerVersion and EventSourceMapping; the controller answers the calls they make."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.gateway import internal
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.stacks.coerce import coerced
from infrastructure.embedded.stacks.resource import Api, Properties, Resource, require_only

_RESERVED = "ReservedConcurrentExecutions"
_CODE = frozenset({"Architectures", "Code"})
"""What UpdateFunctionCode changes."""
_SETTINGS: Mapping[str, Any] = {
    "DeadLetterConfig": {},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Handler": None,
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": None,
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""What UpdateFunctionConfiguration changes, and what it is when a template leaves it out; None where it cannot."""
_MAPPING_CHANGES = (
    "BatchSize",
    "Enabled",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "ScalingConfig",
    "Tags",
)


class LambdaLayerVersion(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives the ARN of the version; each change makes another."""

    TYPE: ClassVar[str] = "AWS::Lambda::LayerVersion"
    NAME: ClassVar[str] = "LayerName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"LayerVersionArn"})
    IS_REPLACED: ClassVar[bool] = True

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = coerced("lambda", "PublishLayerVersion", {**properties, "LayerName": name})
        arn = internal.call("lambda", "PublishLayerVersion", **wanted)["LayerVersionArn"]
        return cls(arn, properties, {"LayerVersionArn": arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        """Another version."""
        return self.create(api, properties.get("LayerName", self.physical_resource_id.split(":")[-2]), properties)

    def delete(self, api: Api) -> None:
        layer, _, version = self.physical_resource_id.rpartition(":")
        internal.call("lambda", "DeleteLayerVersion", LayerName=layer, VersionNumber=int(version))


class LambdaFunction(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name."""

    TYPE: ClassVar[str] = "AWS::Lambda::Function"
    NAME: ClassVar[str] = "FunctionName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = {key: value for key, value in properties.items() if key != _RESERVED}
        wanted |= {"FunctionName": name, "Tags": _tags(properties)}
        arn = internal.call("lambda", "CreateFunction", **coerced("lambda", "CreateFunction", wanted))["FunctionArn"]
        return cls(name, properties, {"Arn": arn})

    def complete(self, api: Api) -> None:
        if _RESERVED in self.properties:
            self._reserve(self.properties)

    def update(self, api: Api, properties: Properties) -> Resource:
        """Change what changed and no more: reserved concurrency may be an experiment's by now."""
        changed = set(require_only(self, properties, (*_CODE, *_SETTINGS, _RESERVED, "Tags")))
        if changed & _CODE:
            self._call("UpdateFunctionCode", {**properties["Code"], "Architectures": properties.get("Architectures")})
        settings = {name: properties.get(name, _SETTINGS[name]) for name in changed & set(_SETTINGS)}
        if settings:
            self._call("UpdateFunctionConfiguration", settings)
        if _RESERVED in changed:
            self._reserve(properties)
        if "Tags" in changed:
            self._retag(properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def _call(self, operation: str, wanted: Mapping[str, Any]) -> None:
        given = {name: value for name, value in wanted.items() if value is not None}
        members = coerced("lambda", operation, {**given, "FunctionName": self.physical_resource_id})
        internal.call("lambda", operation, **members)

    def _reserve(self, properties: Properties) -> None:
        if _RESERVED in properties:
            self._call("PutFunctionConcurrency", {_RESERVED: properties[_RESERVED]})
        else:
            self._call("DeleteFunctionConcurrency", {})

    def _retag(self, properties: Properties) -> None:
        before, after = _tags(self.properties), _tags(properties)
        arn, gone = self.attributes["Arn"], sorted(set(before) - set(after))
        if gone:
            internal.call("lambda", "UntagResource", Resource=arn, TagKeys=gone)
        internal.call("lambda", "TagResource", Resource=arn, Tags=after)

    def delete(self, api: Api) -> None:
        if _is_there("GetFunction", FunctionName=self.physical_resource_id):
            internal.call("lambda", "DeleteFunction", FunctionName=self.physical_resource_id)


class LambdaEventSourceMapping(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its UUID."""

    TYPE: ClassVar[str] = "AWS::Lambda::EventSourceMapping"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"EventSourceMappingArn", "Id"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = coerced("lambda", "CreateEventSourceMapping", {**properties, "Tags": _tags(properties)})
        made = internal.call("lambda", "CreateEventSourceMapping", **wanted)
        where = {"EventSourceMappingArn": made["EventSourceMappingArn"], "Id": made["UUID"]}
        return cls(made["UUID"], properties, where)

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, _MAPPING_CHANGES)
        wanted = {name: properties[name] for name in changed if name in properties and name != "Tags"}
        if wanted:
            members = coerced("lambda", "UpdateEventSourceMapping", {**wanted, "UUID": self.physical_resource_id})
            internal.call("lambda", "UpdateEventSourceMapping", **members)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if not self.is_gone(api):
            internal.call("lambda", "DeleteEventSourceMapping", UUID=self.physical_resource_id)

    def is_gone(self, api: Api) -> bool:
        """What it had begun is finished."""
        return not _is_there("GetEventSourceMapping", UUID=self.physical_resource_id)


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", ())}


def _is_there(operation: str, **where: str) -> bool:
    try:
        internal.call("lambda", operation, **where)
    except Refused as refusal:
        if refusal.code == "ResourceNotFoundException":
            return False
        raise
    return True
