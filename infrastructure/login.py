"""The login of the cluster's owner, as Secrets Manager has it at this moment."""

import json
from dataclasses import dataclass, field
from typing import Any

from infrastructure.errors import EnvironmentFault


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLogin:
    """Who opens the database. The password is in no `repr`, and so in no traceback or report; never log it."""

    username: str
    password: str = field(repr=False)


def read_login(secretsmanager: Any, secret_id: str) -> DatabaseLogin:
    """The login in `secret_id`, asked for anew: a rotation changes it. `EnvironmentFault` when the secret holds none.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-secrets-manager.html
    """
    text = secretsmanager.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        fields = json.loads(text)
        return DatabaseLogin(username=fields["username"], password=fields["password"])
    except (ValueError, TypeError, KeyError):
        raise EnvironmentFault(
            f'the secret {secret_id} must hold {{"username": …, "password": …}} and does not.'
            " Next: rotate it, or put a login into it"
        ) from None  # the cause quotes what the secret says
