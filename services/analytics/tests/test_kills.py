"""Real processes, killed at random moments: no row is lost and none is doubled."""

from pathlib import Path

from services.analytics.tests.kills import perform

SEED = 2026


def test_no_row_is_lost_or_doubled_when_workers_are_killed(tmp_path: Path) -> None:
    """Twenty in a minute are killed by `python -m services.analytics.tests.kills`."""
    outcome = perform(kills=2, seconds=6.0, seed=SEED, folder=tmp_path)
    assert (outcome.killed, outcome.lost, outcome.doubled) == (2, 0, 0), f"seed {SEED}: {outcome}"
    assert outcome.paid > 0
