import asyncio

import pytest

from services.chassis.background import cancel
from services.chassis.redis.bus import Bus
from services.chassis.redis.cache import connect
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient


def test_a_message_that_its_handler_cannot_read_keeps_nobody_from_the_next(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As another version of the service may send one while it is being rolled out."""

    async def story() -> bytes:
        redis = connect(redis_url, Resilient(budget=RetryBudget(), on_retry=lambda: None))
        bus = Bus(redis, redis_url)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        subscribed = asyncio.Event()

        def hear(message: bytes) -> None:
            if message == b"odd":
                raise ValueError("not a message of ours")
            heard.put_nowait(message)

        listening = asyncio.create_task(bus.listen({"channel": hear}, subscribed.set))
        try:
            await subscribed.wait()
            await bus.publish("channel", b"odd")
            await bus.publish("channel", b"good")
            done, _ = await asyncio.wait(
                [asyncio.ensure_future(heard.get()), listening], return_when=asyncio.FIRST_COMPLETED
            )
            return next(task.result() for task in done) or b""
        finally:
            await cancel(listening)
            await redis.aclose()

    assert asyncio.run(story()) == b"good"
    assert "not a message of ours" in caplog.text
