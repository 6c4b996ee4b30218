"""The order service's own settings."""

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.settings import ChassisSettings, RedisUrl, with_a_port_if_any

Origin = Annotated[str, AfterValidator(with_a_port_if_any), Field(pattern=r"^https?://[^\s/]+$")]
"""Of a service of ours: `http://host`, with a port if it is another than 80."""


class OrderSettings(ChassisSettings):
    """Names of what the order service writes to and asks, from the task definition.

    Menu and inventory may be away, but there is no order service without an address of theirs: what it would sell at
    which price, nobody but menu says.
    """

    cafe_elasticache_url: RedisUrl
    orders_table: str = Field(min_length=3, max_length=255)
    outbox_table: str = Field(min_length=3, max_length=255)
    payment_queue_url: str = Field(pattern=r"^https?://\S+\.fifo$")
    order_stream: str = Field(min_length=1, max_length=128)
    cafe_menu_url: Origin
    cafe_inventory_url: Origin
