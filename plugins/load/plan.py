"""A load test as data: what arrives when, and where it goes. Crosses into the generator's process as a JSON file."""

import json
from dataclasses import dataclass
from pathlib import Path

from plugins.load.arrivals import Arrivals, shape
from plugins.load.arrivals.codec import decode, encode
from plugins.load.journeys import PlaceOrder
from plugins.load.retry import Retry

PLAN_VARIABLE = "CAFE_LOAD_PLAN"
"""Environment variable that names the plan's file to a Locust process started by `runner.start`."""

LOCUSTFILE = Path(__file__).with_name("open_model.py")
"""The locustfile that does what its plan says and nothing of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """`arrivals` of `journey`, or of a `mix` of (journey, share).

    At most `max_in_flight` journeys run at once; an arrival beyond that is dropped and counted, never queued: a queue
    in the generator would close the model. `seed` fixes which journey each arrival is and what it orders. `duration_s`
    cuts the schedule short.
    """

    arrivals: Arrivals
    journey: str = PlaceOrder.name
    mix: tuple[tuple[str, float], ...] = ()
    duration_s: float | None = None
    max_in_flight: int = 200
    timeout_s: float = 5.0
    retry: Retry | None = None
    seed: int = 1
    locustfile: Path = LOCUSTFILE

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """(journey, share) of every journey in the plan."""
        return self.mix or ((self.journey, 1.0),)

    @property
    def length_s(self) -> float:
        """How long arrivals keep coming."""
        whole = self.arrivals.duration_s
        return whole if self.duration_s is None else min(whole, self.duration_s)

    @property
    def longest_s(self) -> float:
        """How long one journey may take by its own time-outs: connecting and waiting for each try, and the pauses."""
        tries, pause_s = (self.retry.attempts, self.retry.cap_s) if self.retry else (1, 0.0)
        return tries * 2 * self.timeout_s + (tries - 1) * pause_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A plan with the address it runs against and the folder its files go to."""

    plan: LoadPlan
    host: str
    folder: Path


def to_json(assignment: Assignment) -> str:
    """The text of a plan file."""
    plan = assignment.plan
    retry = plan.retry and {"attempts": plan.retry.attempts, "base_s": plan.retry.base_s, "cap_s": plan.retry.cap_s}
    value = {
        "host": assignment.host,
        "folder": str(assignment.folder),
        "arrivals": encode(plan.arrivals),
        "journey": plan.journey,
        "mix": plan.mix,
        "duration_s": plan.duration_s,
        "max_in_flight": plan.max_in_flight,
        "timeout_s": plan.timeout_s,
        "retry": retry,
        "seed": plan.seed,
    }
    return json.dumps(value, indent=2)


def of_json(text: str) -> Assignment:
    """Read a plan file. `to_json` of the same version wrote it, so a wrong one is our defect and may raise anything."""
    value = json.loads(text)
    plan = LoadPlan(
        arrivals=decode(value["arrivals"], shape),
        journey=value["journey"],
        mix=tuple((name, share) for name, share in value["mix"]),
        duration_s=value["duration_s"],
        max_in_flight=value["max_in_flight"],
        timeout_s=value["timeout_s"],
        retry=Retry(**value["retry"]) if value["retry"] else None,
        seed=value["seed"],
    )
    return Assignment(plan=plan, host=value["host"], folder=Path(value["folder"]))
