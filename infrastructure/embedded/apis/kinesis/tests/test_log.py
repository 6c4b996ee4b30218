"""Records lie in memory while they are new and in files when they are old; nothing is dropped to make room."""

import random
from pathlib import Path

import pytest

from infrastructure.embedded.apis.kinesis.archive import Archive
from infrastructure.embedded.apis.kinesis.log import SEGMENT_BYTES, Entry, Log
from infrastructure.embedded.apis.kinesis.tests.world import EXCEEDED, Streams, encoded, streams
from infrastructure.embedded.tests.control import run

KIB = 1024


def _entries(count: int, size: int, seed: int = 1) -> list[Entry]:
    """With gaps between their numbers, some at the same moment, keys that are not ASCII."""
    chance, number, at = random.Random(seed), 0, 1000.0  # noqa: S311  nothing is secret
    found = []
    for _ in range(count):
        number += chance.randint(1, 3)
        at += chance.choice((0.0, 0.001, 0.25))
        found.append(
            Entry(number, round(at, 3), chance.choice(("k", "ключ")), chance.randbytes(size), chance.random() < 0.5)
        )
    return found


@pytest.mark.parametrize("memory", [0, 3 * SEGMENT_BYTES, 1 << 30], ids=["in files", "in part", "in memory"])
def test_what_is_read_does_not_depend_on_where_it_lies(tmp_path: Path, memory: int) -> None:
    log = Log(Archive(tmp_path / "records", memory=memory))
    entries = _entries(400, 16 * KIB)
    for entry in entries:
        log.append(entry)
    for after in (0, entries[0].number, entries[150].number, entries[-1].number):
        assert list(log.after(after, 0.0)) == [entry for entry in entries if entry.number > after]
    since = entries[200].at
    assert list(log.after(0, since)) == [entry for entry in entries if entry.at >= since]
    assert list(log.after(log.number_before(since), 0.0)) == [entry for entry in entries if entry.at >= since]


def test_memory_is_bounded_and_files_go_with_their_records(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "records", memory=2 * SEGMENT_BYTES)
    log = Log(archive)
    for entry in _entries(640, 16 * KIB):
        log.append(entry)
    assert archive.in_memory <= 2 * SEGMENT_BYTES
    files = list((tmp_path / "records").iterdir())
    assert len(files) * SEGMENT_BYTES <= archive.on_disk
    assert archive.on_disk == pytest.approx(sum(file.stat().st_size for file in files), rel=0.01)
    log.trim(log.last_at + 1.0)
    assert (archive.in_memory, archive.on_disk, list((tmp_path / "records").iterdir())) == (0, 0, [])
    assert list(log.after(0, 0.0)) == []


def test_records_that_came_before_that_moment_are_trimmed_and_no_others(tmp_path: Path) -> None:
    log, entries = Log(Archive(tmp_path / "records", memory=0)), _entries(200, 16 * KIB)
    for entry in entries:
        log.append(entry)
    log.trim(entries[100].at)
    assert [entry for entry in log.after(0, 0.0) if entry.at >= entries[100].at] == [
        entry for entry in entries if entry.at >= entries[100].at
    ]


def test_what_an_earlier_cloud_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0.records").write_bytes(b"old")
    Archive(tmp_path)
    assert not tmp_path.exists()


def test_when_there_is_no_room_records_fail_and_none_is_dropped() -> None:
    async def scenario() -> None:
        made = await streams()
        made.registry.archive.__init__(made.folder / "records", memory=0, disk=2 * SEGMENT_BYTES)  # type: ignore[misc]
        taken, failed = 0, 0
        while not failed:
            made.clock.now += 1.0
            answer = await made.ask("PutRecords", StreamName="s", Records=_batch())
            failed = answer["FailedRecordCount"]
            taken += 4 - failed
        assert {each["ErrorCode"] for each in answer["Records"]} == {"InternalFailure"}
        assert "MiB of records that have not expired are kept on disk" in answer["Records"][0]["ErrorMessage"]
        refusal = await made.refusal("PutRecord", StreamName="s", Data="eA==", PartitionKey="k")
        assert (refusal["status"], refusal["__type"]) == (500, "InternalFailureException")
        assert await _count(made) == taken
        made.clock.now += 25 * 3600.0
        await made.ask("ListShards", StreamName="s")
        await made.put("there is room again")

    run(scenario())


def _batch() -> list[dict[str, str]]:
    return [{"Data": encoded(b"x" * 200 * KIB), "PartitionKey": "k"} for _ in range(4)]


async def _count(made: Streams) -> int:
    count, iterator = 0, await made.iterator()
    while True:
        made.clock.now += 6.0
        texts, page = await made.read(iterator)
        count, iterator = count + len(texts), page["NextShardIterator"]
        if not texts:
            return count


def test_a_throttled_record_is_not_kept() -> None:
    async def scenario() -> None:
        made = await streams()
        big = {"Data": encoded(b"x" * 600 * KIB), "PartitionKey": "k"}
        answer = await made.ask("PutRecords", StreamName="s", Records=[big, big])
        assert [each.get("ErrorCode") for each in answer["Records"]] == [None, EXCEEDED]
        assert await _count(made) == 1

    run(scenario())
