"""A database's login, as RDS keeps it in Secrets Manager."""

import orjson

from services.chassis.environment import ConfigurationError
from services.chassis.postgres.connection import Login


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
