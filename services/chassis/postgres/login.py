"""A database's login, as RDS keeps it in Secrets Manager."""

import orjson

from services.chassis import log
from services.chassis.aws.json_apis import Caller, Json
from services.chassis.environment import ConfigurationError
from services.chassis.postgres.connection import Login


async def login_of(secretsmanager: Caller, secret_id: str) -> Login:
    """The login that Secrets Manager keeps now as `secret_id`, concealed in logs. `AwsError`, `ConfigurationError`."""
    return login_in(await secretsmanager.call("GetSecretValue", {"SecretId": secret_id}), secret_id)


def login_in(answer: Json, secret_id: str) -> Login:
    """The login in an answer to GetSecretValue, concealed in logs. `ConfigurationError`."""
    login = read_login(str(answer.get("SecretString", "")), secret_id)
    log.conceal(login.password)
    return login


def read_login(secret: str, name: str) -> Login:
    """`{"username": …, "password": …}`; `ConfigurationError` names the secret, never what it says."""
    try:
        fields = orjson.loads(secret)
    except orjson.JSONDecodeError:
        fields = None
    user, password = (fields.get("username"), fields.get("password")) if isinstance(fields, dict) else (None, None)
    if not isinstance(user, str) or not isinstance(password, str) or not user or not password:
        raise ConfigurationError.of([f'DATABASE_SECRET: {name} must hold {{"username": …, "password": …}}'])
    return Login(user=user, password=password)
