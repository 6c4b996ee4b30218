"""The inventory service's own settings."""

from pydantic import Field

from services.chassis.settings import ChassisSettings, RedisUrl


class InventorySettings(ChassisSettings):
    """Where its database and its cache are, and which pod this is: from the Deployment."""

    cafe_pod_name: str = Field(default="local", pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")
    cafe_aurora_writer_url: str = Field(pattern=r"^postgres(ql)?://[^\s]+$")
    cafe_elasticache_url: RedisUrl
    database_secret: str = Field(min_length=1, max_length=2048)
    reservation_retention_s: float = Field(default=7 * 86_400.0, ge=86_400, le=366 * 86_400)
    """How long the database keeps a row for an order that was taken or released: longer than anybody asks for it again.

    What was taken is known from the ledger afterwards, too; of an order that was released without it nothing is left.
    """
