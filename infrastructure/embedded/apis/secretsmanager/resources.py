"""AWS::SecretsManager::Secret, with a generated value if the template asks for one."""

import json
from typing import ClassVar, Self
from uuid import uuid4

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Resource, require_only

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
            value, token = _value(api, properties), str(uuid4())
            where = {"SecretId": self.physical_resource_id, "ClientRequestToken": token}
            api("secretsmanager", "PutSecretValue", **where, SecretString=value)
        record = api.backend("secretsmanager").secrets[self.physical_resource_id]
        record.description = properties.get("Description")
        record.kms_key_id = properties.get("KmsKeyId")  # by hand: moto's UpdateSecret would empty the value
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
