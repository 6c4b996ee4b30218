"""Ports are free, ours alone, and never one that the kernel gives to an outgoing connection."""

import socket
from pathlib import Path

import pytest

from infrastructure.embedded.host import ports
from infrastructure.embedded.host.ports import BLOCK, Ports
from infrastructure.errors import EnvironmentFault


@pytest.fixture
def block() -> int:
    """The first port of a block that no other platform on this machine holds."""
    finder = Ports()
    first = finder.allocate() // BLOCK * BLOCK
    finder.close()
    return first


def test_ports_are_outside_the_kernels_range() -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    source = Ports()
    given = [source.allocate() for _ in range(2 * BLOCK)]
    source.close()
    assert len(set(given)) == len(given)
    assert [port for port in given if low <= port <= high] == []


@pytest.mark.parametrize(
    ("ephemeral", "first", "last"),
    [((32768, 60999), 10_000, 65_400), ((15_000, 65_535), 10_000, 14_900), ((1024, 20_050), 20_100, 65_400)],
    ids=["linux", "only-below", "only-above"],
)
def test_blocks_keep_clear_of_the_kernels_range(ephemeral: tuple[int, int], first: int, last: int) -> None:
    blocks = ports._blocks(ephemeral)
    low, high = ephemeral
    assert (blocks[0], blocks[-1]) == (first, last)
    assert [b for b in blocks if b <= high and b + BLOCK > low] == []


def test_blocks_keep_clear_of_the_ports_of_nodes() -> None:
    """A Service of Kubernetes asks for one of those by its number, and is to find it free."""
    blocks = ports._blocks((1024, 20_050))
    assert [b for b in blocks if b <= 32_767 and b + BLOCK > 30_000] == []
    assert {29_900, 32_800} <= set(blocks)


def test_a_port_somebody_listens_on_is_passed_over(block: int) -> None:
    with socket.create_server(("127.0.0.1", block)):
        source = Ports((block,))
        assert source.allocate() == block + 1
        source.close()


def test_a_released_port_comes_round_last(block: int) -> None:
    source = Ports((block,))
    first = source.allocate()
    source.release(first)
    given = [source.allocate() for _ in range(BLOCK)]
    source.close()
    assert given[-1] == first


def test_a_block_belongs_to_one_platform_at_a_time(block: int) -> None:
    ours = Ports((block,))
    ours.allocate()
    theirs = Ports((block, block + BLOCK))
    assert theirs.allocate() >= block + BLOCK
    theirs.close()
    ours.close()
    again = Ports((block,))
    assert again.allocate() == block
    again.close()


def test_no_port_left_is_a_fault_with_the_next_step(block: int) -> None:
    source = Ports((block,))
    for _ in range(BLOCK):
        source.allocate()
    with pytest.raises(EnvironmentFault, match=r"no free port is left on loopback .* `ss -ltnp`"):
        source.allocate()
    source.close()


def test_a_kernel_that_leaves_no_ports_is_a_fault_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wide = tmp_path / "range"
    wide.write_text("1024\t65535\n", encoding="ascii")
    monkeypatch.setattr(ports, "_EPHEMERAL_RANGE", wide)
    with pytest.raises(EnvironmentFault, match=r"keeps ports 1024 to 65535 .* from 10000 to 65535 .* sysctl -w "):
        Ports().allocate()


def test_only_what_was_allocated_can_be_released() -> None:
    with pytest.raises(ValueError, match="port 80 was not allocated here"):
        Ports().release(80)
