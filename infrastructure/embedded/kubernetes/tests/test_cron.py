"""When a schedule is due."""

import datetime as dt

import pytest

from infrastructure.embedded.kubernetes.store.cron import schedule_of

BEGIN = dt.datetime(2026, 11, 28, 22, 30, tzinfo=dt.UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "zone", "due"),
    [
        ("* * * * *", "", "2026-11-28T22:31"),
        ("*/20 * * * *", "", "2026-11-28T22:40"),
        ("15 3 * * *", "", "2026-11-29T03:15"),
        ("0 0 1 * *", "", "2026-12-01T00:00"),
        ("0 9 * * mon-fri", "", "2026-11-30T09:00"),
        ("0 0 29 feb *", "", "2028-02-29T00:00"),
        ("0 0 13 * 5", "", "2026-12-04T00:00"),
        ("0 0 ? * 5", "", "2026-12-04T00:00"),
        ("0 0 */2 * 1", "", "2026-12-07T00:00"),
        ("@hourly", "", "2026-11-28T23:00"),
        ("0 9 * * 7", "America/New_York", "2026-11-29T14:00"),
    ],
)
def test_a_schedule_is_due_when_cron_says(text: str, zone: str, due: str) -> None:
    found = schedule_of(text, zone).following(BEGIN.timestamp())
    assert found is not None
    assert dt.datetime.fromtimestamp(found, dt.UTC).strftime("%Y-%m-%dT%H:%M") == due


def test_a_day_that_never_comes_is_never_due() -> None:
    assert schedule_of("0 0 31 2 *").following(BEGIN.timestamp()) is None


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * 0 * *"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not valid|has 5 fields"):
        schedule_of(text)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is not a time zone"):
        schedule_of("* * * * *", "Mars/Olympus")
