"""When schedules are due: Unix cron, AWS's cron, rates, moments, and clocks that change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from infrastructure.embedded.control.schedules import aws, unix

NEW_YORK = ZoneInfo("America/New_York")
_UTC = ZoneInfo("UTC")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def text(moment: float | None) -> str:
    return "never" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("* * * * *", "2026-11-28T10:00:00", "2026-11-28T10:01:00"),
        ("*/15 9-17 * * MON-FRI", "2026-11-27T17:46:00", "2026-11-30T09:00:00"),
        ("30 0 1 1,6,12 *", "2026-11-28T10:00:00", "2026-12-01T00:30:00"),
        ("0 0 29 2 *", "2026-11-28T10:00:00", "2028-02-29T00:00:00"),
        ("0 0 31 2 *", "2026-11-28T10:00:00", "never"),
        ("0 0 13 * 5", "2026-11-28T10:00:00", "2026-12-04T00:00:00"),
        ("0 0 * * 7", "2026-11-28T10:00:00", "2026-11-29T00:00:00"),
        ("5/20 * * * *", "2026-11-28T10:06:00", "2026-11-28T10:25:00"),
    ],
)
def test_unix_cron(expression: str, after: str, due: str) -> None:
    assert text(unix(expression, _UTC).following(at(after))) == due


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("cron(0 10 ? * MON-FRI *)", "2026-11-28T10:00:00", "2026-11-30T10:00:00"),
        ("cron(0 10 1 * ? 2027)", "2026-11-28T10:00:00", "2027-01-01T10:00:00"),
        ("cron(0 10 1 * ? 2020)", "2026-11-28T10:00:00", "never"),
        ("cron(0 10 ? * 1 *)", "2026-11-28T10:00:00", "2026-11-29T10:00:00"),
        ("at(2026-11-28T10:00:01)", "2026-11-28T10:00:00", "2026-11-28T10:00:01"),
        ("at(2026-11-28T10:00:00)", "2026-11-28T10:00:00", "never"),
        ("rate(5 minutes)", "2026-11-28T10:07:00", "2026-11-28T10:10:00"),
        ("rate(1 hour)", "2026-11-28T09:00:00", "2026-11-28T11:00:00"),
    ],
)
def test_aws_schedules(expression: str, after: str, due: str) -> None:
    assert text(aws(expression, _UTC, at("2026-11-28T10:00:00")).following(at(after))) == due


def test_a_time_that_the_clocks_leave_out_is_not_due_that_day() -> None:
    due = unix("30 2 * * *", NEW_YORK).following(at("2026-03-08T00:00:00"))
    assert text(due) == "2026-03-09T06:30:00"


def test_the_hour_is_the_zones() -> None:
    assert text(unix("0 9 * * *", NEW_YORK).following(at("2026-07-01T00:00:00"))) == "2026-07-01T13:00:00"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * *", "5 fields"),
        ("60 * * * *", "minute '60' is not valid: from 0 to 59"),
        ("* * * FOO *", "month 'FOO'"),
        ("9-5 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("a,b! * * * *", "minute"),
    ],
)
def test_what_is_no_unix_cron_is_refused(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unix(expression, _UTC)


@pytest.mark.parametrize(
    "expression",
    ["whenever", "rate(1 hours)", "rate(2 hour)", "rate(0 hours)", "cron(* * * * *)", "cron(0 1 * * * *)", "at(soon)"],
)
def test_what_is_no_schedule_of_aws_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"valid|several|\?"):
        aws(expression, _UTC, 0.0)
