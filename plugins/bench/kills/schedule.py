"""Which victim dies when: drawn from a seed, with enough kills inside INJECT and inside ROLLBACK. Pure."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Victim = Literal["pytest", "worker", "locust", "supervisor", "envoy", "redis", "hang"]
Moment = Literal["inject", "rollback", "any"]

VICTIMS: tuple[Victim, ...] = ("pytest", "hang", "supervisor", "envoy", "redis", "locust", "worker")
AT_LEAST = 5
"""Kills inside INJECT, and as many inside ROLLBACK, whatever the seed."""
REPEATS = 10
"""How many kills that missed their moment are tried again: it lasts milliseconds, and we watch from outside."""
EVENTS: Mapping[Moment, str] = {"inject": "injecting", "rollback": "rolling-back"}
"""The last event in the journal while a moment lasts."""
RUN_S = 28.0
"""About how long one experiment runs in the quick profile, start-up included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill. `moment` inject / rollback: as soon as the journal says so; any: `after_s` seconds into the run."""

    number: int
    victim: Victim
    moment: Moment
    after_s: float
    scenario: str
    is_kept: bool


def draw(count: int, scenarios: tuple[str, ...], seed: int, victims: tuple[Victim, ...] = VICTIMS) -> tuple[Kill, ...]:
    """`count` kills; the first ones cover the moments that must be covered, then all are shuffled."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
    covered: list[Moment] = ["inject", "rollback"] * (AT_LEAST + 1)
    anywhere: list[Moment] = ["any"] * count
    moments = (covered + anywhere)[:count]
    kills = [
        _kill(chance, number, moment, scenarios, victims[number % len(victims)])
        for number, moment in enumerate(moments)
    ]
    chance.shuffle(kills)
    return tuple(kills)


class Schedule:
    """The kills in their order. One that missed its moment comes round again, last, under a number of its own."""

    def __init__(self, kills: tuple[Kill, ...]) -> None:
        self._left = list(kills)
        self._next_number = len(kills)
        self._repeats = 0

    def __iter__(self) -> Iterator[Kill]:
        while self._left:
            yield self._left.pop(0)

    def struck(self, kill: Kill, event: str | None) -> None:
        """Tell what the journal's last event was when `kill` struck; None: it struck nobody."""
        if event != EVENTS.get(kill.moment, event) and self._repeats < REPEATS:
            self._left.append(replace(kill, number=self._next_number + self._repeats))
            self._repeats += 1


def _kill(chance: random.Random, number: int, moment: Moment, scenarios: tuple[str, ...], victim: Victim) -> Kill:
    return Kill(
        number=number,
        victim=victim,
        moment=moment,
        after_s=chance.uniform(1.0, RUN_S),
        scenario=chance.choice(scenarios),
        # A hung or dead run is undone by the watchdog only where the platform outlives the run.
        is_kept=victim == "hang" or chance.random() < 0.5,
    )
