"""The menu service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, with_a_port_if_any


class MenuSettings(ChassisSettings):
    """Where its database and its cache are, and whose it is: from the pod's environment."""

    cafe_pod_name: str = Field(default="local", pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")
    cafe_documentdb_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^mongodb://[^\s@]+$")
    """Without user and password: those are in `database_secret`."""
    cafe_elasticache_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")
    database_secret: str = Field(min_length=1, max_length=2048)
