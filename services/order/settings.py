"""The order service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, with_a_port_if_any


class OrderSettings(ChassisSettings):
    """Names of what the order service writes to, from the task definition."""

    cafe_elasticache_url: Annotated[str, AfterValidator(with_a_port_if_any)] = Field(pattern=r"^rediss?://[^\s]+$")
    orders_table: str = Field(min_length=3, max_length=255)
    outbox_table: str = Field(min_length=3, max_length=255)
    payment_queue_url: str = Field(pattern=r"^https?://\S+\.fifo$")
    order_stream: str = Field(min_length=1, max_length=128)
