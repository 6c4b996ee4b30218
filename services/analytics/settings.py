"""The analytics service's own settings."""

from pydantic import Field

from services.chassis.settings import ChassisSettings, RedisUrl, WarehouseSettings


class AnalyticsSettings(WarehouseSettings, ChassisSettings):
    """Where it reads, where it writes, and whose it is: from the instance's user data."""

    cafe_instance_id: str = Field(default="local", pattern=r"^[A-Za-z0-9-]{1,64}$")
    cafe_elasticache_url: RedisUrl
    order_stream: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    lease_table: str = Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")
    revenue_bucket: str = Field(pattern=r"^[a-z0-9.-]{3,63}$")
