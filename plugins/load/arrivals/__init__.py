"""Arrival shapes, one file each. Adding one is a file and its line in `ARRIVALS`; the contract test does the rest."""

from plugins.load.arrivals.constant import Constant
from plugins.load.arrivals.poisson import Poisson
from plugins.load.arrivals.ramp import Ramp
from plugins.load.arrivals.shape import Arrivals, Marked, schedule, time_of
from plugins.load.arrivals.sine import Sine
from plugins.load.arrivals.spike import Spike
from plugins.load.arrivals.stages import Stage, Stages, then

ARRIVALS: tuple[type[Arrivals], ...] = (Constant, Ramp, Stages, Spike, Poisson, Sine)


def shape(name: str) -> type[Arrivals]:
    """The arrival shape called `name`; `KeyError` names the known ones."""
    for candidate in ARRIVALS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no arrival shape is called {name!r}; known: {', '.join(kind.name for kind in ARRIVALS)}")


__all__ = [
    "ARRIVALS",
    "Arrivals",
    "Constant",
    "Marked",
    "Poisson",
    "Ramp",
    "Sine",
    "Spike",
    "Stage",
    "Stages",
    "schedule",
    "shape",
    "then",
    "time_of",
]
