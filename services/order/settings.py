"""The order service's own settings."""

from pydantic import Field

from services.chassis.settings import ChassisSettings


class OrderSettings(ChassisSettings):
    """Names of what the order service writes to, from the task definition."""

    orders_table: str = Field(min_length=3, max_length=255)
    outbox_table: str = Field(min_length=3, max_length=255)
    payment_queue_url: str = Field(pattern=r"^https?://\S+\.fifo$")
    order_stream: str = Field(min_length=1, max_length=128)
