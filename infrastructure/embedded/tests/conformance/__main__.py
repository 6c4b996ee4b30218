"""All cases, or those whose names begin with `--only`: `python -m infrastructure.embedded.tests.conformance`."""

import argparse
import asyncio
import sys
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.tests.conformance.running import Outcome, all_cases, run, walked

_PROGRAM = "python -m infrastructure.embedded.tests.conformance"


def main(arguments: list[str]) -> int:
    """Run them; 1 when any failed."""
    reader = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__)
    reader.add_argument("--seed", type=int, default=int(time.time()))
    reader.add_argument("--only", default="", metavar="API[:OPERATION[:KIND[:MEMBER]]]")
    given = reader.parse_args(arguments)
    warnings.simplefilter("ignore")  # moto's, on codes of its own: they are given AWS's
    sys.stdout.write(f"seed {given.seed}\n")
    began = time.monotonic()
    return asyncio.run(_all(given.seed, given.only, began))


async def _all(seed: int, only: str, began: float) -> int:
    asked, failed = Counter[str](), Counter[str]()
    async for outcome in _outcomes(seed, only):
        case = outcome.case
        asked.update((f"kind {case.kind}", f"API  {case.api.key}"))
        if outcome.problem:
            failed.update((f"kind {case.kind}", f"API  {case.api.key}"))
            sys.stdout.write(_told(outcome, seed))
    sys.stdout.writelines(f"{each:<30}{count:>7}{failed[each]:>7} failed\n" for each, count in sorted(asked.items()))
    total, wrong = asked.total() // 2, failed.total() // 2
    sys.stdout.write(f"{total} cases in {time.monotonic() - began:.0f} s, {wrong} failed (seed {seed})\n")
    return 1 if wrong else 0


async def _outcomes(seed: int, only: str) -> AsyncIterator[Outcome]:
    """Those of all cases, then of a walk through each API; a walk is walked to its end, whatever is wanted of it."""
    async for outcome in run(all_cases(seed, only)):
        yield outcome
    for api in PROVIDERS:
        if f"{api.key}:".startswith(only) or only.startswith(f"{api.key}:"):
            async for outcome in walked(api, seed):
                if f"{outcome.case.name}:".startswith(only):
                    yield outcome


def _told(outcome: Outcome, seed: int) -> str:
    return f"{outcome.case.name}: {outcome.problem}\n    {_PROGRAM} --seed {seed} --only {outcome.case.name}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
