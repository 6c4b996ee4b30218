import asyncio
import time

from services.chassis.web.traffic import QUIET_S, Traffic


def test_a_drain_ends_when_nothing_is_in_flight_and_nothing_arrives() -> None:
    async def drain() -> tuple[bool, float]:
        traffic = Traffic()
        started = time.monotonic()
        return await traffic.drained(at_least_s=0.0, at_most_s=5.0), time.monotonic() - started

    done, took = asyncio.run(drain())
    assert done
    assert took < QUIET_S + 0.5


def test_a_drain_waits_for_what_is_in_flight() -> None:
    async def drain() -> bool:
        traffic = Traffic()
        traffic.arrived()
        draining = asyncio.create_task(traffic.drained(at_least_s=0.0, at_most_s=5.0))
        done, _ = await asyncio.wait({draining}, timeout=QUIET_S * 2)
        assert not done
        traffic.left()
        return await draining

    assert asyncio.run(drain())


def test_patience_ends() -> None:
    async def drain() -> bool:
        traffic = Traffic()
        traffic.arrived()
        return await traffic.drained(at_least_s=0.0, at_most_s=0.1)

    assert not asyncio.run(drain())


def test_a_task_that_gets_nothing_accepts_all_the_same_for_as_long_as_the_load_balancer_may_send() -> None:
    async def drain() -> tuple[bool, float]:
        traffic = Traffic(last_arrival=time.monotonic() - 60.0)
        started = time.monotonic()
        return await traffic.drained(at_least_s=0.5, at_most_s=5.0), time.monotonic() - started

    done, took = asyncio.run(drain())
    assert done
    assert took >= 0.5
