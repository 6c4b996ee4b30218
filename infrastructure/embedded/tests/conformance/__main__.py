"""All cases, or those whose names begin with `--only`: `python -m infrastructure.embedded.tests.conformance`."""

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter

from infrastructure.embedded.tests.conformance.running import Outcome, all_cases, run

_PROGRAM = "python -m infrastructure.embedded.tests.conformance"


def main(arguments: list[str]) -> int:
    """Run them; 1 when any failed."""
    reader = argparse.ArgumentParser(prog=_PROGRAM, description=__doc__)
    reader.add_argument("--seed", type=int, default=int(time.time()))
    reader.add_argument("--only", default="", metavar="API[:OPERATION[:KIND[:MEMBER]]]")
    given = reader.parse_args(arguments)
    logging.disable(logging.NOTSET)
    sys.stdout.write(f"seed {given.seed}\n")
    began = time.monotonic()
    return asyncio.run(_all(given.seed, given.only, began))


async def _all(seed: int, only: str, began: float) -> int:
    kinds, apis, failed = Counter[str](), Counter[str](), Counter[str]()
    async for outcome in run(all_cases(seed, only)):
        if outcome.is_skipped:
            continue
        case = outcome.case
        kinds[case.kind] += 1
        apis[case.api.name] += 1
        if outcome.problem:
            failed[case.kind] += 1
            failed[case.api.name] += 1
            sys.stdout.write(_told(outcome, seed))
    for title, counts in (("kind", kinds), ("API", apis)):
        lines = (f"  {name:<24}{count:>7}{failed[name]:>7} failed\n" for name, count in sorted(counts.items()))
        sys.stdout.write(f"by {title}:\n{''.join(lines)}")
    total, wrong = kinds.total(), sum(failed[kind] for kind in kinds)
    sys.stdout.write(f"{total} cases in {time.monotonic() - began:.0f} s, {wrong} failed (seed {seed})\n")
    return 1 if wrong else 0


def _told(outcome: Outcome, seed: int) -> str:
    return f"{outcome.case.name}: {outcome.problem}\n    {_PROGRAM} --seed {seed} --only {outcome.case.name}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
