"""What one layer promises, another has to allow: the queue's deliveries last as long as an outage may."""

import random

from infrastructure.templates import read
from services.payment.capture import LONGEST_PAUSE_S
from services.payment.pauses import pause_s


def test_an_outage_of_minutes_gives_no_message_up() -> None:
    """Five receives a minute apart lasted five minutes; as many as it takes for that are allowed now."""
    body = read("messaging").body
    most = int(body.partition("maxReceiveCount: !If [IsPatient, ")[2].partition(",")[0])
    random.seed(745)
    shortest = min(sum(pause_s(receives, LONGEST_PAUSE_S) for receives in range(1, most + 1)) for _ in range(500))
    assert shortest >= 5 * 60
