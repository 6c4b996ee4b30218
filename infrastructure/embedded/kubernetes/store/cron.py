"""When a CronJob is due: the five fields of Unix's cron, or a name for them, in a time zone.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from infrastructure.embedded.control.schedules import Cron, unix, zone_of

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def schedule_of(text: str, zone: str = "") -> Cron:
    """The schedule, in UTC unless a zone is named; `ValueError` says what of it makes no sense."""
    return unix(_NAMED.get(text, text), zone_of(zone or "UTC"))
