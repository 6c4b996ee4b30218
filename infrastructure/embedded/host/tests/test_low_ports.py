"""What root starts may listen on low ports if it is said so, and may do nothing else that others may not."""

import os
import subprocess
import sys

import pytest

from infrastructure.embedded.host import launcher, reach

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root gives rights away")
PROGRAM = """
import os, socket
with socket.socket() as one:
    try:
        one.bind(("127.96.255.254", 1))
        print("listens", end=" ")
    except PermissionError:
        print("may not", end=" ")
try:
    open("/etc/shadow")
    print("reads")
except PermissionError:
    print("reads nothing")
"""


@pytest.mark.parametrize(("low_ports", "told"), [(True, "listens reads nothing"), (False, "may not reads nothing")])
def test_low_ports_are_a_right_of_their_own(told: str, *, low_ports: bool) -> None:
    if reach.unreachable():
        pytest.skip("others may not enter Python's folder, and this system gives no views")
    words = (*launcher.words((66_001, 66_001), reach.code(), low_ports=low_ports), sys.executable, "-c", PROGRAM)
    ended = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/", env={})
    assert ended.stdout.strip() == told
