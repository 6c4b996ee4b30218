"""The batch of all customers: the same result whoever does how much of it, and each as the rules say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.loyalty.batch import checksum, run
from services.loyalty.customers import Population
from services.loyalty.recalculation import Recalculated, recalculate

COUNT = 300_000


def expected(population: Population) -> str:
    """By one process, block after block."""
    parts = [recalculate(population.block(number)) for number in range(population.blocks)]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("points", "tiers", "fraud")}
    return checksum(Recalculated(**columns))


@pytest.mark.parametrize(("rounds", "processes"), [(1, 1), (3, 2), (2, 7)])
def test_the_result_is_the_same_however_many_do_it(tmp_path: Path, rounds: int, processes: int) -> None:
    population = Population(tmp_path, COUNT)
    batch = run(population, rounds=rounds, processes=processes)
    assert (batch.customers, len(batch.seconds), batch.checksum) == (COUNT, rounds, expected(population))
    assert batch.peak_bytes > 10_000_000 * processes


def test_a_checksum_tells_places_and_columns_apart() -> None:
    def of(*points: int) -> str:
        return checksum(Recalculated(points=np.array(points, np.uint32), tiers=ONES, fraud=ONES.astype(np.uint16)))

    assert of(1, 2) == f"{1 * 1 + 2 * 2:016x}-{1 + 2:016x}-{1 + 2:016x}"
    assert of(1, 2) != of(2, 1)


ONES = np.ones(2, np.uint8)


def test_a_process_that_dies_ends_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    population = Population(tmp_path, 1_000)
    monkeypatch.setattr("services.loyalty.batch.Recalculation.recalculate", lambda *_: os._exit(9))
    with pytest.raises(RuntimeError, match="exit code 9"):
        run(population, rounds=1, processes=1)


def test_the_program_prints_one_line_of_json(tmp_path: Path) -> None:
    given = ["-m", "services.loyalty.batch", str(tmp_path), "--count", "70000", "--processes", "2"]
    line = subprocess.run([sys.executable, *given], capture_output=True, text=True, check=True).stdout
    assert json.loads(line)["checksum"] == expected(Population(tmp_path, 70_000))
