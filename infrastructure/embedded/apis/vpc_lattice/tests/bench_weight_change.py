"""Prints the time from a listener change's return until all answers are by it, in milliseconds. Asserts nothing.

python -m infrastructure.embedded.apis.vpc_lattice.tests.bench_weight_change [REPEATS]
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from infrastructure.embedded.apis.elbv2.tests.load_balancing import by
from infrastructure.embedded.apis.vpc_lattice.tests.lattice import Lattice, machine_on
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.embedded.tests.wire import receive, send, target
from infrastructure.state import StateFolder

NAMES = ("old", "new")
STREAK = 20
"""Answers of one group in a row, until the change has come through everywhere."""


async def measured(lattice: Lattice, repeats: int) -> list[float]:
    """One keep-alive connection asks over the edge without pause; all the weight goes to and fro between two groups."""
    async with target("old") as old, target("new") as new:
        lattice.serve(*NAMES)
        lattice.register("old", old)
        lattice.register("new", new)
        await lattice.answers(by("new"))
        reader, writer = await asyncio.open_connection(LOOPBACK, lattice.port)
        lengths = []
        for repeat in range(repeats + 2):
            wanted = NAMES[repeat % 2]
            lattice.change(lattice.forward(*NAMES, weights=(1 - repeat % 2, repeat % 2)))
            returned, streak, first = time.perf_counter(), 0, 0.0
            while streak < STREAK:
                await send(writer, "/", "GET", {"Host": "x"})
                is_wanted = (await receive(reader)).by == wanted
                first = time.perf_counter() if is_wanted and not streak else first
                streak = streak + 1 if is_wanted else 0
            lengths.append((first - returned) * 1000)
        writer.close()
        return lengths[2:]


def main(repeats: int = 300) -> None:
    """Print one JSON line."""
    lengths: list[float] = []

    async def bench(lattice: Lattice) -> None:
        lengths.extend(await measured(lattice, repeats))

    with tempfile.TemporaryDirectory() as folder, machine_on(StateFolder.of("bench", Path(folder))) as machine:
        machine.run(bench)
    figures = {
        "name": "lattice_weight_change",
        "unit": "ms",
        "median": round(statistics.median(lengths), 2),
        "p99": round(statistics.quantiles(lengths, n=100)[98], 2),
        "n": len(lengths),
    }
    print(json.dumps(figures))  # noqa: T201  the figures are what it is run for


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
