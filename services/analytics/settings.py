"""The analytics service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, with_a_port_if_any


class AnalyticsSettings(ChassisSettings):
    """Where it reads, where it writes, and whose it is: from the instance's user data."""

    cafe_instance_id: str = Field(default="local", pattern=r"^[A-Za-z0-9-]{1,64}$")
    cafe_elasticache_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")
    order_stream: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    lease_table: str = Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")
    revenue_bucket: str = Field(pattern=r"^[a-z0-9.-]{3,63}$")
    warehouse_cluster: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    warehouse_database: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    warehouse_secret: str = Field(min_length=1, max_length=2048)
    """ARN of the secret with the cluster's login. Only Redshift reads it; this service never sees the password."""
    warehouse_role: str = Field(default="default", pattern=r"^(default|arn:aws[a-z-]*:iam::\d{12}:role/.{1,512})$")
    """Whom the cluster reads the bucket as."""
