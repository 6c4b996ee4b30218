"""A sample of `make conformance`: some operations of every API, some of their cases. The same ones every time."""

import random

import pytest

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.checks import validation
from infrastructure.embedded.moto import imports
from infrastructure.embedded.tests.conformance.cases import Case, cases
from infrastructure.embedded.tests.conformance.running import answered, run, walked
from infrastructure.embedded.tests.control import run as run_async

SEED = 1
OPERATIONS, CASES, STEPS = 3, 6, 15


@pytest.mark.parametrize("api", PROVIDERS, ids=lambda api: api.model_name)
@pytest.mark.filterwarnings("ignore:.*does not match an error shape")  # moto's, which are given AWS's codes
def test_sampled_calls_are_answered_as_aws_answers_them(api: Api) -> None:
    rng = random.Random(SEED)  # noqa: S311  nothing is secret
    operations = answered(api)
    asked = rng.sample(operations, min(OPERATIONS, len(operations)))
    chosen = [case for of in asked for case in _some(list(cases(api, of, SEED)), rng)]

    async def problems() -> list[str]:
        found = [each async for each in run(chosen)] + [each async for each in walked(api, SEED, STEPS)]
        return [f"{each.case.name}: {each.problem}" for each in found if each.problem]

    assert run_async(problems()) == []


def _some(found: list[Case], rng: random.Random) -> list[Case]:
    return rng.sample(found, min(CASES, len(found)))


@pytest.mark.parametrize(
    "api", [each for each in PROVIDERS if each.name in ("sqs", "iam", "ec2", "s3", "lambda")], ids=lambda api: api.name
)
def test_a_gateway_that_checks_nothing_is_found_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("refuse", "check_form", "check_xml", "check_head"):
        monkeypatch.setattr(validation, name, lambda *_: None)
    wanted = {"type", "unknown"}
    fit = [of for of in answered(api) if wanted <= {case.kind for case in cases(api, of, SEED)}]
    asked = random.Random(SEED).sample(fit, 5)  # noqa: S311  nothing is secret

    async def kinds() -> set[str]:
        found = run(case for of in asked for case in cases(api, of, SEED))
        return {each.case.kind async for each in found if each.problem}

    assert wanted <= run_async(kinds())


def test_a_defect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    api = next(each for each in PROVIDERS if each.name == "logs")
    of = next(each for each in answered(api) if each.name == "CreateLogGroup")

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(imports.handler("logs", "LogsResponse"), "create_log_group", fail)

    async def problems() -> set[str]:
        return {str(each.problem) async for each in run(cases(api, of, SEED)) if each.case.kind == "valid"}

    (problem,) = run_async(problems())
    assert problem.startswith("answered 500 (ZeroDivisionError")
