"""The loyalty service's own settings."""

from pydantic import Field

from services.chassis.settings import ChassisSettings, RedisUrl, WarehouseSettings


class LoyaltySettings(WarehouseSettings, ChassisSettings):
    """Where its database and its leaderboard are, and whose it is: from the instance's user data."""

    cafe_instance_id: str = Field(default="local", pattern=r"^[A-Za-z0-9-]{1,64}$")
    cafe_aurora_writer_url: str = Field(pattern=r"^postgres(ql)?://[^\s]+$")
    cafe_memorydb_url: RedisUrl
    database_secret: str = Field(min_length=1, max_length=2048)
    members_bucket: str = Field(pattern=r"^[a-z0-9.-]{3,63}$")
    members_period_s: float = Field(default=60.0, gt=0, le=86_400)
    """How often the accounts may be copied into the warehouse."""
