"""Morning rush: the shops open, everybody wants coffee at once, then the office day begins.

A normal locustfile: `locust -f suites/load/morning_rush.py`, with the web UI, or `--headless -t 15s`.
"""

from plugins.load.arrivals import Constant, Ramp, Stage, Stages
from plugins.load.journeys import BrowseBack, PlaceOrder, ReadMenu
from plugins.load.scenario import LoadScenario
from plugins.slo import Slo

OPENING, RUSH, SETTLING = "opening", "rush", "settling"


def morning(*, opening_s: float, rush_s: float, settling_s: float, peak_per_s: float) -> Stages:
    """Ramp up, hold the peak, ramp down. The ramps begin and end at a sixth of the peak."""
    quiet_per_s = peak_per_s / 6
    return Stages(
        stages=(
            Stage(
                name=OPENING,
                arrivals=Ramp(start_per_s=quiet_per_s, end_per_s=peak_per_s, duration_s=opening_s),
            ),
            Stage(name=RUSH, arrivals=Constant(per_s=peak_per_s, duration_s=rush_s)),
            Stage(
                name=SETTLING,
                arrivals=Ramp(start_per_s=peak_per_s, end_per_s=quiet_per_s, duration_s=settling_s),
            ),
        )
    )


# A ramp of the quick profile has too few arrivals for a p99, so its p95 is held to the same bound.
RAMP = Slo.of("ramp", "p95 <= 250 ms", "errors <= 0.1 %", "dropped <= 0 %")
PEAK = Slo.of("peak", "p99 <= 250 ms", "errors <= 0.1 %", "dropped <= 0 %")

SCENARIO = LoadScenario(
    name="morning-rush",
    title="Morning rush: ramp, peak and ramp-down of the morning",
    story="The shops open; at a quarter to eight everybody orders on the way to work; by nine it is quiet again.",
    quick=morning(opening_s=2.5, rush_s=6.0, settling_s=2.5, peak_per_s=60.0),
    full=morning(opening_s=60.0, rush_s=180.0, settling_s=60.0, peak_per_s=60.0),
    slos={OPENING: RAMP, RUSH: PEAK, SETTLING: RAMP},
    # Of ten who come seven order, two ask for an order they placed, and one reads the menu and goes.
    mix=((PlaceOrder.name, 0.7), (BrowseBack.name, 0.2), (ReadMenu.name, 0.1)),
)

# Locust loads this file as a top-level module; pytest imports it as part of the suites, and stays free of gevent.
if "." not in __name__:
    from plugins.load.locustfile import locustfile

    MorningRush = locustfile(SCENARIO)
