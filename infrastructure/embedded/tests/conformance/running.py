"""Asks the cases one after the other and keeps what is wrong."""

import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore.model import OperationModel

from infrastructure.embedded import parity
from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway import codec, request
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Call
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.conformance.cases import Case, cases
from infrastructure.embedded.tests.conformance.verdict import problem
from infrastructure.embedded.tests.conformance.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A case and what was wrong with its answer; None when nothing was. `is_skipped`: it asks another operation."""

    case: Case
    problem: str | None
    is_skipped: bool = False


def all_cases(seed: int, only: str = "") -> Iterable[Case]:
    """Those of every operation that is answered whose names begin with `only`."""
    for api in PROVIDERS:
        for of in answered(api):
            prefix = f"{api.name}:{of.name}:"
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


async def run(chosen: Iterable[Case]) -> AsyncIterator[Outcome]:
    """The outcome of each case."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            for case in chosen:
                yield await _outcome(world, case)
        finally:
            await world.close()


async def _outcome(world: World, case: Case) -> Outcome:
    try:
        call, answer = await world.ask(case.request)
    except TimeoutError:
        return Outcome(case=case, problem="not answered in time")
    except Exception as failure:  # noqa: BLE001  whatever escapes the control plane is this case's failure
        return Outcome(case=case, problem=f"raised {failure!r}")
    if call.action != case.operation.name:
        return Outcome(case=case, problem=None, is_skipped=True)
    plain = None
    if case.plain is not None:
        await world.close()
        _, plain = await world.ask(case.plain)
    found = problem(case, answer, plain)
    if case.kind == "valid" and not found:
        found = _refusal(call)
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
