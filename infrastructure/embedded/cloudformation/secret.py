"""AWS::SecretsManager::Secret, with a generated value if the template asks for one."""

import json
from typing import ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.cloudformation.resource import Api, Properties, Resource, require_only

_GENERATOR = (
    "ExcludeCharacters",
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "PasswordLength",
    "RequireEachIncludedType",
)


class Secret(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN."""

    TYPE: ClassVar[str] = "AWS::SecretsManager::Secret"
    NAME: ClassVar[str] = "Name"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        made = api(
            "secretsmanager",
            "CreateSecret",
            Name=name,
            Description=properties.get("Description"),
            SecretString=_value(api, properties),
            Tags=properties.get("Tags"),
            KmsKeyId=properties.get("KmsKeyId"),
        )
        return cls(made["ARN"], properties, {"Id": made["ARN"]})

    def update(self, api: Api, properties: Properties) -> Resource:
        """A new value only where the template says another one: a change of description generates nothing."""
        changed = require_only(
            self, properties, ("Description", "GenerateSecretString", "KmsKeyId", "SecretString", "Tags")
        )
        if {"GenerateSecretString", "SecretString"} & set(changed):
            value = _value(api, properties)
            api("secretsmanager", "PutSecretValue", SecretId=self.physical_resource_id, SecretString=value)
        if {"Description", "KmsKeyId"} & set(changed):
            wanted = {name: properties.get(name) for name in ("Description", "KmsKeyId")}
            api("secretsmanager", "UpdateSecret", SecretId=self.physical_resource_id, **wanted)
        if "Tags" in changed:
            api("secretsmanager", "TagResource", SecretId=self.physical_resource_id, Tags=properties.get("Tags", []))
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        """At once, without a recovery window, so that the stack can be created again."""
        api("secretsmanager", "DeleteSecret", SecretId=self.physical_resource_id, ForceDeleteWithoutRecovery=True)


def _value(api: Api, properties: Properties) -> str | None:
    """The secret's text: given, or generated (length 32 unless said otherwise), by itself or inside a JSON template."""
    wanted = properties.get("GenerateSecretString")
    if wanted is None:
        return properties.get("SecretString")
    rules = {name: wanted[name] for name in _GENERATOR if name in wanted}
    password = str(api("secretsmanager", "GetRandomPassword", **rules)["RandomPassword"])
    if "GenerateStringKey" not in wanted:
        return password
    return json.dumps({**json.loads(wanted.get("SecretStringTemplate", "{}")), wanted["GenerateStringKey"]: password})
