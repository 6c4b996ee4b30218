import asyncio
import time

import pytest

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


def test_the_rate_is_what_arrived_since_it_was_last_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("services.chassis.web.traffic.time.monotonic", lambda: now)
    traffic = Traffic()
    traffic.arrived()
    rate = traffic.rate()
    for _ in range(6):
        traffic.arrived()
        traffic.left()
    now = 102.0
    assert (rate(), rate()) == (3.0, 0.0)  # asked twice at once: nothing came in no time
    now = 103.0
    assert rate() == 0.0
