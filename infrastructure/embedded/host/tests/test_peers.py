"""The kernel tells who has the other end of a connection."""

import os
import socket
import subprocess

import pytest

from infrastructure.embedded.host import peers


def test_who_connects_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            assert peers.user_of(accepted) == os.getuid()


def test_who_has_hung_up_before_the_look_is_nobody() -> None:
    """Else whoever sends and leaves at once would pass for root."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(b"forged")
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(99) == b"forged"
            assert peers.user_of(accepted) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can connect as somebody else")
def test_another_user_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket, sys; s = socket.create_connection({server.getsockname()!r}); sys.stdin.read()"
        command = ("/usr/bin/env", "python3", "-I", "-S", "-c", code)
        env = {"PATH": "/usr/bin:/bin:/usr/local/bin"}
        with subprocess.Popen(command, user=54_321, extra_groups=(), stdin=subprocess.PIPE, cwd="/", env=env) as other:
            accepted, _ = server.accept()
            with accepted:
                assert peers.user_of(accepted) == 54_321
            other.kill()
