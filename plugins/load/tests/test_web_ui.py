"""Locust's web UI: what its form sends when a person presses the start button."""

from pathlib import Path

from plugins.load.tests.command_line import run
from plugins.load.tests.shop import Shop

LOCUSTFILE = """
import os
import signal

import gevent
from gevent.event import Event
from locust import events
from suites.load import morning_rush
from plugins.load.locustfile import locustfile

MorningRush = locustfile(morning_rush.SCENARIO)


@events.init.add_listener
def _(environment, web_ui, **_):
    ended = Event()
    environment.events.test_stop.add_listener(lambda **_: ended.set())

    def person():
        try:
            for rate in ("fast", "200", "", "-1"):
                ended.clear()
                form = {"user_count": "1", "spawn_rate": "1", "host": environment.host, "rate": rate}
                print("pressed", web_ui.app.test_client().post("/swarm", data=form).status_code, flush=True)
                ended.wait(20)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    gevent.spawn(person)
"""


def test_a_rate_can_be_typed_left_empty_or_corrected(tmp_path: Path) -> None:
    locustfile = tmp_path / "pressed.py"
    locustfile.write_text(LOCUSTFILE)
    with Shop() as shop:
        code, output = run(tmp_path, "-f", str(locustfile), "--host", shop.url, "--web-port", "0", "-t", "1s")
    assert output.count("pressed 200") == 4, output
    assert ("peak 200/s" in output, "peak 60/s" in output) == (True, True)
    assert "fast is not a positive rate" in output
    assert "-1 is not a positive rate" in output
    assert "Traceback" not in output
    assert code == 7  # judged by the last run there was: too few arrivals for a p99
