"""Files that grow are told of, seldom and to the last byte."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.embedded.host.growth import Growth

pytestmark = pytest.mark.anyio
PAUSE_S = 0.05


class Seen:
    """The sizes that were told of, and an event for the next one."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._news = asyncio.Event()

    def __call__(self, file: Path) -> None:
        self.sizes.append(file.stat().st_size)
        self._news.set()

    async def reaches(self, size: int) -> None:
        async with asyncio.timeout(10):
            while not self.sizes or self.sizes[-1] < size:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def seen() -> Seen:
    return Seen()


@pytest.fixture
async def growth(seen: Seen) -> AsyncIterator[Growth]:
    made = Growth(seen, PAUSE_S)
    yield made
    made.close()


async def test_what_is_written_is_told_of_to_the_last_byte(growth: Growth, seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    growth.watch(file)
    assert seen.sizes == [1]
    with file.open("ab", buffering=0) as writer:
        for _ in range(1000):
            writer.write(b"2")
        await seen.reaches(1001)
        writer.write(b"3")
        await seen.reaches(1002)
    assert len(seen.sizes) < 10


async def test_a_file_that_is_forgotten_is_told_of_no_more(growth: Growth, seen: Seen, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for file in (first, second):
        file.touch()
        growth.watch(file)
    growth.forget(first)
    first.write_bytes(b"1")
    second.write_bytes(b"22")
    await seen.reaches(2)
    assert 1 not in seen.sizes


async def test_a_file_that_is_not_there_is_an_error(growth: Growth, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ENOENT"):
        growth.watch(tmp_path / "none")
