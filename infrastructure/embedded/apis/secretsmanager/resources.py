"""AWS::SecretsManager::Secret, with a generated value if the template asks for one."""

import json
from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.resource_type import REF, Properties, ResourceType, Step, Tags, prop

_FORM = ("GenerateStringKey", "SecretStringTemplate")
"""What says where a generated value goes; the rest says what it is like."""


def _generated(call: CallApi, properties: Properties, changed: frozenset[str]) -> Properties:
    """With a new value where the template asks for another one: a change of description generates nothing."""
    given = dict(properties)
    wanted: dict[str, Any] = given.pop("GenerateSecretString", {})
    if "GenerateSecretString" in changed and wanted:
        rules = {name: value for name, value in wanted.items() if name not in _FORM}
        value = str(call("secretsmanager", "GetRandomPassword", **rules)["RandomPassword"])
        if "GenerateStringKey" in wanted:
            form = json.loads(wanted.get("SecretStringTemplate", "{}"))
            value = json.dumps({**form, wanted["GenerateStringKey"]: value})
        given["SecretString"] = value
    return given


TYPES = (
    ResourceType(
        "AWS::SecretsManager::Secret",
        "secretsmanager",
        name="Name",
        key={"SecretId": REF},
        prepare=_generated,
        create=Step("CreateSecret"),
        ref="ARN",
        attributes={"Id": REF},
        changes=(
            Step("UpdateSecret", ("Description", "KmsKeyId"), defaults={"Description": ""}),
            Step(
                "PutSecretValue",
                ("GenerateSecretString", "SecretString"),
                {"SecretString": prop("SecretString")},
                whole=True,
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"SecretId": REF}),
        # At once, without a recovery window, so that the stack can be created again.
        delete=Step("DeleteSecret", where={"ForceDeleteWithoutRecovery": True}),
    ),
)
