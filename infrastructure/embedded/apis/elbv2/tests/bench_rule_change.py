"""Prints the time from a rule change's return to the first answer by it, in milliseconds. Asserts nothing.

python -m infrastructure.embedded.apis.elbv2.tests.bench_rule_change [REPEATS]
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, fixed, machine_on
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.embedded.tests.wire import receive, send
from infrastructure.state import StateFolder


async def measured(cloud: Cloud, repeats: int) -> list[float]:
    """One keep-alive connection asks without pause; `cloud`'s rule alternates between two answers."""
    rule = cloud.rule(10, "*", fixed("200"))
    reader, writer = await asyncio.open_connection(LOOPBACK, cloud.port)

    async def until(status: int) -> float:
        while True:
            await send(writer, "/", "GET", {"Host": "x"})
            if (await receive(reader)).status == status:
                return time.perf_counter()

    await until(200)
    lengths = []
    for repeat in range(repeats):
        status = 201 + repeat % 2
        cloud.change(rule, fixed(str(status)))
        returned = time.perf_counter()
        lengths.append((await until(status) - returned) * 1000)
    writer.close()
    return lengths


def main(repeats: int = 300) -> None:
    """Print one JSON line."""
    lengths: list[float] = []

    async def bench(cloud: Cloud) -> None:
        lengths.extend(await measured(cloud, repeats))

    with tempfile.TemporaryDirectory() as folder, machine_on(StateFolder.of("bench", Path(folder))) as machine:
        machine.run(bench)
    figures = {
        "name": "rule_change_in_process",
        "unit": "ms",
        "median": round(statistics.median(lengths), 2),
        "p99": round(statistics.quantiles(lengths, n=100)[98], 2),
        "n": len(lengths),
    }
    print(json.dumps(figures))  # noqa: T201  the figures are what it is run for


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
