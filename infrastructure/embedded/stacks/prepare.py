"""What types ask of other APIs before their own, where the API itself would, and moto does not."""

import json
import re

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.resource_type import Properties

_SECRET = re.compile(
    r"\{\{resolve:secretsmanager:(?P<id>(?:arn:(?:[^:]*:){5})?[^:}]+):SecretString:(?P<key>[^:}]+)\}\}"
)


def subnets_exist(call: CallApi, properties: Properties, changed: frozenset[str]) -> Properties:
    """Refused in EC2's words when one of `SubnetIds` does not exist."""
    if "SubnetIds" in changed:
        call("ec2", "DescribeSubnets", SubnetIds=list(properties["SubnetIds"]))
    return properties


def secrets_resolved(call: CallApi, properties: Properties, _changed: frozenset[str]) -> Properties:
    """With what a dynamic reference to Secrets Manager stands for; the stack's own record keeps the reference.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    return {name: _resolved(call, value) if isinstance(value, str) else value for name, value in properties.items()}


def _resolved(call: CallApi, text: str) -> str:
    found = _SECRET.fullmatch(text)
    if found is None:
        if "{{resolve:" in text:
            raise Refused(
                f"the embedded cloud resolves {{{{resolve:secretsmanager:id:SecretString:key}}}} alone: {text}"
            )
        return text
    held = json.loads(call("secretsmanager", "GetSecretValue", SecretId=found["id"])["SecretString"])
    if found["key"] not in held:
        raise Refused(f"Could not find a value associated with JSONKey in SecretString: {found['key']}")
    return str(held[found["key"]])
