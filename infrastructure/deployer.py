"""Who deploys, as IAM knows them: whom the cluster's access entry is for."""

from collections.abc import Callable, Mapping
from typing import Any


def parameters(clients: Callable[[str], Any]) -> Mapping[str, str]:
    """The template parameter that says so."""
    return {"DeployerArn": principal(clients)}


def principal(clients: Callable[[str], Any]) -> str:
    """The ARN of the caller's user or role. A session's tells the role's name alone, access entries need its path."""
    arn = str(clients("sts").get_caller_identity()["Arn"])
    if ":assumed-role/" not in arn:
        return arn
    return str(clients("iam").get_role(RoleName=arn.split("/")[1])["Role"]["Arn"])
