"""What fits a shape has no problem, and what does not has one: the fast answer and the explained one agree."""

import random

import pytest

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.checks.fitness import fits
from infrastructure.embedded.gateway.checks.shapes import problems
from infrastructure.embedded.tests.conformance import values
from infrastructure.embedded.tests.conformance.mutants import mutants
from infrastructure.embedded.tests.conformance.running import answered

SEED = 1


@pytest.mark.parametrize("api", PROVIDERS, ids=lambda api: api.model_name)
def test_the_fast_answer_is_the_explained_one(api: Api) -> None:
    rng = random.Random(SEED)  # noqa: S311  nothing is secret
    seen: set[bool] = set()
    for of in answered(api):
        if (shape := of.input_shape) is None:
            continue
        asked = [values.valid(shape, rng, inside=True), *(each.value for each in mutants(shape, rng))]
        for value in asked:
            seen.add(fits(shape)(value))
            assert fits(shape)(value) is not any(problems(shape, value)), (of.name, value)

    assert seen == {True, False}
