"""A sample of `make conformance`: some operations of every API, some of their cases. The same ones every time."""

import random

import pytest

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.tests.conformance.cases import Case, cases
from infrastructure.embedded.tests.conformance.running import answered, run
from infrastructure.embedded.tests.control import run as run_async

SEED = 1
OPERATIONS, CASES = 3, 7


@pytest.mark.parametrize("api", PROVIDERS, ids=lambda api: api.model_name)
@pytest.mark.filterwarnings("ignore:.*does not match an error shape")  # moto's, which are given AWS's codes
def test_sampled_calls_are_answered_as_aws_answers_them(api: Api) -> None:
    rng = random.Random(SEED)  # noqa: S311  nothing is secret
    operations = answered(api)
    asked = rng.sample(operations, min(OPERATIONS, len(operations)))
    chosen = [case for of in asked for case in _some(list(cases(api, of, SEED)), rng)]

    async def problems() -> list[str]:
        return [f"{each.case.name}: {each.problem}" async for each in run(chosen) if each.problem]

    assert run_async(problems()) == []


def _some(found: list[Case], rng: random.Random) -> list[Case]:
    return rng.sample(found, min(CASES, len(found)))
