"""The menu service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from services.chassis.settings import ChassisSettings, RedisUrl


def _connection_string(url: str) -> str:
    """The URL, if the driver can read it and finds the files that it names; `ValueError` with its words."""
    try:
        parse_uri(url)
    except (PyMongoError, OSError) as wrong:
        raise ValueError(str(wrong)) from wrong
    return url


class MenuSettings(ChassisSettings):
    """Where its database and its cache are, and whose it is: from the pod's environment."""

    cafe_pod_name: str = Field(default="local", pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")
    cafe_documentdb_url: Annotated[str, AfterValidator(_connection_string)] = Field(pattern=r"^mongodb://[^\s@]+$")
    """Without user and password: those are in `database_secret`."""
    cafe_elasticache_url: RedisUrl
    database_secret: str = Field(min_length=1, max_length=2048)
