"""Waiting ends at once when somebody says why; the first Ctrl-C asks, the second ends."""

import os
import signal
import threading
import time

import pytest

from plugins.chaos.pulse import WallPulse, interruptible
from plugins.chaos.stop import Stop


def test_waiting_ends_with_the_reason_long_before_its_time() -> None:
    pulse = WallPulse()
    threading.Timer(0.05, pulse.request, [Stop(reason="enough")]).start()
    started = time.monotonic()
    assert pulse.wait(30.0) == Stop(reason="enough")
    assert time.monotonic() - started < 5.0


def test_nobody_asked_so_the_wait_lasts() -> None:
    assert WallPulse().wait(0.01) is None


def test_the_first_interrupt_asks_and_the_second_ends_at_once() -> None:
    pulse = WallPulse()
    before = signal.getsignal(signal.SIGINT)
    with interruptible(pulse):
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
        stop = pulse.wait(30.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop is not None
    assert stop.is_interrupt
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def enter() -> None:
        with interruptible(WallPulse()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_time_is_unix_time() -> None:
    assert WallPulse().now() == pytest.approx(time.time(), abs=1.0)
