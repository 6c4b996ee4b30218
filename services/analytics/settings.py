"""The analytics service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, WarehouseSettings, with_a_port_if_any


class AnalyticsSettings(WarehouseSettings, ChassisSettings):
    """Where it reads, where it writes, and whose it is: from the instance's user data."""

    cafe_instance_id: str = Field(default="local", pattern=r"^[A-Za-z0-9-]{1,64}$")
    cafe_elasticache_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")
    order_stream: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    lease_table: str = Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")
    revenue_bucket: str = Field(pattern=r"^[a-z0-9.-]{3,63}$")
