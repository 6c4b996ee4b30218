"""A storm over a warehouse in memory: every report is asked once, answers are filed as they came, nothing stays."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from services.analytics.reports import DRAW, DROP, fingerprint, rows_of, statements, written
from services.analytics.storm import AT_ONCE, Storm
from services.analytics.stress import reports
from services.chassis.aws.data_api import Record, WarehouseAway
from services.chassis.background import cancel
from services.chassis.stress.engine import StressRun
from services.chassis.tests import virtual_time

RUN = StressRun(run_id="r1", target_cpu=90.0, duration_s=60.0, started_at=0.0)


class Reports:
    """Answers each statement with two rows, a second after it was asked; takes `limit` at a time, refuses others."""

    def __init__(self, limit: int = 500) -> None:
        self.limit = limit
        self.asked: list[str] = []
        self.under_way: set[str] = set()
        self.most = 0
        self.cancelled: list[str] = []

    async def ask(self, statement: str) -> str:
        if len(self.under_way) >= self.limit:
            raise WarehouseAway("ActiveStatementsExceededException")
        self.asked.append(statement)
        name = str(len(self.asked) - 1)
        self.under_way.add(name)
        self.most = max(self.most, len(self.under_way))
        return name

    async def answer(self, statement: str) -> list[Record]:
        await asyncio.sleep(1.0)
        self.under_way.discard(statement)
        number = len(self.asked[int(statement)])
        return [[{"longValue": number}, {"stringValue": "7"}], [{"longValue": 2}, {"doubleValue": 8.0}]]

    async def cancel(self, statement: str) -> None:
        self.cancelled.append(statement)
        self.under_way.discard(statement)

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.asked)


class World:
    """Instances of one run, which take the reports from one counter."""

    def __init__(self, folder: Path, instances: int = 1, limit: int = 500) -> None:
        self.warehouse = Reports(limit)
        self.folders = [folder / str(number) for number in range(instances)]
        self.storms = [Storm(self.warehouse, self.following, each) for each in self.folders]
        self._taken = 0

    async def following(self, run_id: str) -> int:
        assert run_id == RUN.run_id
        self._taken += 1
        return self._taken - 1

    def run(self, seconds: float) -> list[Path]:
        """What was filed after so long, when the run is ended."""

        async def rage() -> list[Path]:
            tasks = [asyncio.create_task(storm.perform(RUN)) for storm in self.storms]
            await asyncio.sleep(seconds)
            filed = [file for folder in self.folders for file in folder.glob("*.json")]
            self.answers = {file.name: file.read_bytes() for file in filed}
            await cancel(*tasks)
            await asyncio.sleep(5.0)
            return filed

        return virtual_time.run(rage())


def test_two_instances_ask_each_of_500_reports_once_and_all_of_them_at_the_same_time(tmp_path: Path) -> None:
    world = World(tmp_path, instances=2)
    filed = world.run(20.0)
    assert [world.warehouse.counts[statement] for statement in statements()] == [1] * 500
    assert world.warehouse.most == 2 * AT_ONCE == 500
    assert len({file.name.partition("-")[0] for file in filed}) == 500


def test_what_the_warehouse_refuses_for_the_moment_is_asked_again(tmp_path: Path) -> None:
    world = World(tmp_path, limit=100)
    assert len(world.run(60.0)) == 500
    assert world.warehouse.most == 100


def test_an_answer_is_filed_under_its_fingerprint(tmp_path: Path) -> None:
    world = World(tmp_path)
    for file in world.run(20.0):
        assert file.stem.partition("-")[2] == fingerprint(world.answers[file.name]).sha256


def test_a_run_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    world = World(tmp_path, instances=2)
    world.run(1.5)
    assert world.warehouse.under_way == set()
    assert len(world.warehouse.cancelled) > 400
    assert not any(folder.exists() for folder in world.folders)
    assert (world.warehouse.asked[0], world.warehouse.asked[-1]) == (DRAW, DROP)


def test_rows_are_the_same_however_their_numbers_come() -> None:
    rows = rows_of([[{"longValue": 7}, {"stringValue": "-3"}], [{"doubleValue": 2.0}, {"longValue": 4}]])
    assert rows == ((7, -3), (2, 4))
    with pytest.raises(ValueError, match="no whole number"):
        rows_of([[{"isNull": True}]])


def test_answers_that_differ_in_a_row_differ_in_both_fingerprints() -> None:
    one, other = (fingerprint(written(((1, 2), (3, last)))) for last in (4, 5))
    assert one.rows == other.rows == 2
    assert one.sha256 != other.sha256
    assert one.md5 != other.md5


def test_the_work_checks_each_answer_and_rests_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    work = reports()
    assert work() == 0
    text = written(((1, 2), (3, 4)))
    folder = tmp_path / "query-storm"
    folder.mkdir()
    (folder / f"7-{fingerprint(text).sha256}.json").write_bytes(text)
    assert work() == 1
    (folder / f"7-{fingerprint(text).sha256}.json").write_bytes(written(((1, 2), (3, 5))))
    with pytest.raises(RuntimeError, match="is not the answer that came"):
        work()
