"""Masters and workers of several runs on one machine."""

from contextlib import closing
from pathlib import Path

import psutil
import pytest

from infrastructure.embedded.host.ports import Ports
from plugins.load.tests.command_line import PATIENCE_S, SHORT, locust, recorded
from plugins.load.tests.shop import Shop, announcing

FORKED = ("--processes", "2")


def test_two_runs_at_a_time_keep_their_workers(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with (
        Shop() as shop,
        Shop() as another,
        locust(one, "--host", shop.url, *SHORT, *FORKED) as first,
        locust(other, "--host", another.url, *SHORT, *FORKED) as second,
    ):
        outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in (first, second)]
        assert [process.returncode for process in (first, second)] == [0, 0], outputs
        assert recorded(one).whole().samples == len(shop.requests)
        assert recorded(other).whole().samples == len(another.requests)


@pytest.mark.parametrize("is_given", [False, True], ids=["its own", "given"])
def test_the_master_listens_on_one_port_of_loopback(tmp_path: Path, *, is_given: bool) -> None:
    with closing(Ports()) as ports:
        port = ports.allocate()
    given = ("--master-bind-port", str(port), "--master-port", str(port)) if is_given else ()
    under_way, notice = announcing()

    with (
        Shop(behave=notice) as shop,
        locust(tmp_path, "--host", shop.url, "-t", "10m", "--rate", "200", *FORKED, *given) as process,
    ):
        assert under_way.wait(PATIENCE_S)
        connections = psutil.Process(process.pid).net_connections("inet")
        (listener,) = [each.laddr for each in connections if each.status == psutil.CONN_LISTEN]
        assert listener.ip == "127.0.0.1"
        assert (listener.port == port) is is_given
