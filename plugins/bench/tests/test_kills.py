import json
import math
from collections import Counter
from pathlib import Path

import pytest

from infrastructure.state import StateFolder
from plugins.bench.kills import witness
from plugins.bench.kills.__main__ import exit_code, summary
from plugins.bench.kills.schedule import AT_LEAST, REPEATS, VICTIMS, Kill, Schedule, draw
from plugins.bench.kills.trial import Outcome

SCENARIOS = ("01", "04")


@pytest.mark.parametrize("seed", range(5))
def test_every_schedule_covers_the_moments_and_the_victims(seed: int) -> None:
    kills = draw(50, SCENARIOS, seed)
    moments = Counter(kill.moment for kill in kills)
    assert len(kills) == 50
    assert min(moments["inject"], moments["rollback"]) >= AT_LEAST
    assert {kill.victim for kill in kills} == set(VICTIMS)


def test_the_same_seed_draws_the_same_schedule() -> None:
    assert draw(20, SCENARIOS, 7) == draw(20, SCENARIOS, 7)


def test_a_hang_is_only_tried_where_the_platform_outlives_the_run() -> None:
    assert all(kill.is_kept for kill in draw(50, SCENARIOS, 3) if kill.victim == "hang")


def run(schedule: Schedule, event: str | None) -> list[Kill]:
    """All kills of a schedule in which every one strikes at the same event."""
    kills = []
    for kill in schedule:
        kills.append(kill)
        schedule.struck(kill, event)
    return kills


def test_a_kill_that_missed_its_moment_comes_round_again_last() -> None:
    planned = draw(2, SCENARIOS, 3)
    kills = run(Schedule(planned), "injecting")
    assert tuple(kills[:2]) == planned
    assert [(kill.moment, kill.number) for kill in kills[2:4]] == [("rollback", 2), ("rollback", 3)]


def test_moments_that_are_always_missed_do_not_go_on_for_ever() -> None:
    numbers = [kill.number for kill in run(Schedule(draw(12, SCENARIOS, 3)), None)]
    assert len(set(numbers)) == len(numbers) == 12 + REPEATS


def test_kills_at_any_moment_cannot_miss() -> None:
    kills = tuple(kill for kill in draw(20, SCENARIOS, 3) if kill.moment == "any")
    assert tuple(run(Schedule(kills), None)) == kills


EVENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "none is open": ((), ""),
    "one is open": (('{"event": "planned"}\n{"event": "rolling-back"}\n',), "rolling-back"),
    "its last line is torn": (('{"event": "planned"}\n{"event": "injec',), "planned"),
}


@pytest.mark.parametrize(("texts", "expected"), EVENTS.values(), ids=EVENTS)
def test_the_moment_of_a_kill_is_the_last_event_of_the_journal(texts: tuple[str, ...], expected: str) -> None:
    assert witness.last_event(texts) == expected


def test_what_an_earlier_trial_left_open_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.journal.mkdir(parents=True)
    (state.journal / "earlier.jsonl").write_text('{"event": "rolling-back"}\n')
    earlier = witness.journals(state)
    (state.journal / "this.jsonl").write_text('{"event": "injecting"}\n')

    assert witness.open_events(state, besides=earlier) == ('{"event": "injecting"}\n',)


def outcomes(kill: Kill, *struck_at: str | None, orphans: tuple[str, ...] = (), undo_s: float = 1.0) -> list[Outcome]:
    return [
        Outcome(kill=kill, struck_at=event, orphans=orphans, residue=(), undo_s=undo_s, exit_code=0)
        for event in struck_at
    ]


@pytest.mark.parametrize(
    ("struck_at", "orphans", "expected"),
    [((None, "injecting"), (), 0), ((None, "injecting"), ("1 redis-server",), 1), ((None, None), (), 7)],
    ids=["struck and clean", "something left behind", "nobody struck"],
)
def test_a_campaign_passes_only_if_it_struck_somebody(
    struck_at: tuple[str | None, ...], orphans: tuple[str, ...], expected: int
) -> None:
    (kill,) = planned = draw(1, SCENARIOS, 3)
    assert exit_code(outcomes(kill, *struck_at, orphans=orphans), planned) == expected


@pytest.mark.parametrize(("inside", "expected"), [(AT_LEAST, 0), (AT_LEAST - 1, 7)], ids=["often enough", "too seldom"])
@pytest.mark.parametrize("scarce", ["injecting", "rolling-back"])
def test_a_campaign_that_missed_its_moments_shows_nothing(scarce: str, inside: int, expected: int) -> None:
    planned = draw(50, SCENARIOS, 3)
    events = {"injecting": 20, "rolling-back": 20, "observing": 10} | {scarce: inside}
    assert exit_code(outcomes(planned[0], *Counter(events).elements()), planned) == expected


def test_what_is_never_undone_is_reported_in_json_that_any_reader_takes() -> None:
    (kill,) = draw(1, SCENARIOS, 3)
    found = outcomes(kill, "injecting", undo_s=math.inf) + outcomes(kill, "injecting", undo_s=2.0)
    found_in_json = json.loads(summary(found, 3), parse_constant=pytest.fail)
    assert (found_in_json["never_undone"], found_in_json["undo_s_max"]) == (1, 2.0)
    assert exit_code(found, (kill,)) == 1
