"""The loyalty service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, WarehouseSettings, with_a_port_if_any


class LoyaltySettings(WarehouseSettings, ChassisSettings):
    """Where its database and its leaderboard are, and whose it is: from the instance's user data."""

    cafe_instance_id: str = Field(default="local", pattern=r"^[A-Za-z0-9-]{1,64}$")
    cafe_aurora_writer_url: str = Field(pattern=r"^postgres(ql)?://[^\s]+$")
    cafe_memorydb_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")
    database_secret: str = Field(min_length=1, max_length=2048)
    members_bucket: str = Field(pattern=r"^[a-z0-9.-]{3,63}$")
    members_period_s: float = Field(default=60.0, gt=0, le=86_400)
    """How often the accounts may be copied into the warehouse."""
