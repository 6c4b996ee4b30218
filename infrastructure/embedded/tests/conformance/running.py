"""Asks the cases one after the other and keeps what is wrong."""

import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from botocore.model import OperationModel

from infrastructure.embedded import parity
from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway import codec, request
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Call
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.conformance.cases import Case, cases
from infrastructure.embedded.tests.conformance.handed import Handed
from infrastructure.embedded.tests.conformance.verdict import output, problem
from infrastructure.embedded.tests.conformance.walks import walk
from infrastructure.embedded.tests.conformance.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case and what was wrong with its answer; None when nothing was."""

    case: Case
    problem: str | None


def all_cases(seed: int, only: str = "") -> Iterable[Case]:
    """Those of every operation that is answered whose names begin with `only`."""
    for api in PROVIDERS:
        for of in answered(api):
            prefix = f"{api.key}:{of.name}:"
            if prefix.startswith(only) or only.startswith(prefix):
                yield from (case for case in cases(api, of, seed) if f"{case.name}:".startswith(only))


def answered(api: Api) -> tuple[OperationModel, ...]:
    """The operations of an API that are not refused, by name."""
    names = next(sorted(each.answered) for each in _table() if each.api is api)
    found = (codec.operation(api.model_name, name) for name in names)
    return tuple(of for of in found if of is not None)


@cache
def _table() -> tuple[parity.Parity, ...]:
    return parity.table()


async def walked(api: Api, seed: int, steps: int | None = None) -> AsyncIterator[Outcome]:
    """The outcome of each step of a walk through an API, or of the first ones: each finds what those before it left."""
    handed = Handed()
    async for outcome in run(islice(walk(api, answered(api), seed, handed), steps), handed):
        yield outcome


async def run(chosen: Iterable[Case], handed: Handed | None = None) -> AsyncIterator[Outcome]:
    """The outcome of each case; on a walk what the API has `handed` out is kept."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), is_kept=handed is not None)
        try:
            for case in chosen:
                outcome = await _outcome(world, case, handed)
                if outcome is not None:
                    yield outcome
        finally:
            await world.close()


async def _outcome(world: World, case: Case, handed: Handed | None) -> Outcome | None:
    """None for a request of another operation: what tells it apart in REST is the mistake."""
    try:
        call, answer = await world.ask(case.request, case.api)
    except TimeoutError:
        return Outcome(case=case, problem="not answered in time")
    except Exception as failure:  # noqa: BLE001  whatever escapes the control plane is this case's failure
        return Outcome(case=case, problem=f"raised {failure!r}")
    if call.action != case.operation.name:
        return None
    plain = None
    if case.plain is not None:
        await world.close()
        _, plain = await world.ask(case.plain, case.api)
    found = problem(case, answer, plain)
    if case.kind in ("valid", "walk") and not found:
        found = _refusal(call)
    if handed is not None and not found and answer.is_success:
        handed.note({name: each for name, each in output(case, answer).items() if name != "ResponseMetadata"})
    defects = f" ({'; '.join(world.defects.seen)})" if found and world.defects.seen else ""
    return Outcome(case=case, problem=f"{found}{defects}" if found else None)


def _refusal(call: Call) -> str | None:
    """Why the gateway takes a valid request for invalid, if it does."""
    assert call.api is not None
    assert call.operation is not None
    try:
        request.read(call, call.api, call.operation)
    except Refused as refused:
        return f"valid, and refused as {refused}"
    return None
