"""Makes a run of pytest on the fake cloud experiment on a file, and be sent SIGTERM as a phase begins.

`PHASE` names the phase, `VICTIM` the process: that of the test, or its parent, xdist's controller. Time passes without
waiting for it until then; from then on it is real, and nobody is in a hurry.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from infrastructure.tests.fake_driver import FakeDriver
from plugins.chaos.pulse import WallPulse
from plugins.chaos.stop import Stop, Tally
from plugins.environment.tests import fake_cloud
from plugins.reporting.progress import Progress

PHASE, VICTIM = "TERMINATED_PHASE", "TERMINATED_VICTIM"


class NoTraffic:
    """A load of nothing, which leaves nothing."""

    def __init__(self, *_arguments: object) -> None: ...

    def start(self) -> None: ...

    def tally(self) -> Tally:
        return Tally()

    def stop(self) -> None: ...

    def result(self) -> None: ...


class StruckPulse(WallPulse):
    """Time that passes without waiting for it, until the run is struck."""

    is_struck = False
    _waited_s = 0.0

    def now(self) -> float:
        return super().now() + self._waited_s

    def wait(self, seconds: float) -> Stop | None:
        if StruckPulse.is_struck:
            return super().wait(seconds)
        self._waited_s += seconds
        return super().wait(0.0)


class StrikingProgress(Progress):
    """Sends the signal as the phase begins, once."""

    @contextmanager
    def phase(self, name: str, seconds: float = 0.0) -> Iterator[None]:
        if name.endswith(os.environ[PHASE]) and not StruckPulse.is_struck:
            StruckPulse.is_struck = True
            os.kill(os.getppid() if os.environ[VICTIM] == "controller" else os.getpid(), signal.SIGTERM)
        with super().phase(name, seconds):
            yield


def endpoints(_driver: FakeDriver, _outputs: Mapping[str, str]) -> Mapping[str, str]:
    """The one thing there is to break."""
    return {"file": os.path.join(os.environ["CLOUDCAFE_HOME"], "platform")}  # noqa: PTH118 - an endpoint is text


def install() -> None:
    """Replace what the plugins call, for the life of this process."""
    from plugins.chaos import runner
    from plugins.reporting import screen

    fake_cloud.install()
    for module, name, stand_in in (
        (FakeDriver, "endpoints", endpoints),
        (runner, "OrderTraffic", NoTraffic),
        (runner, "WallPulse", StruckPulse),
        (screen, "Progress", StrikingProgress),
    ):
        setattr(module, name, stand_in)
