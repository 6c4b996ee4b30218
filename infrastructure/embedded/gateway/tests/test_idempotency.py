"""Idempotency tokens: every one that AWS has is known, and a call that comes again does nothing."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.model import Shape

from infrastructure.embedded import parity
from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.idempotency import Idempotency
from infrastructure.embedded.stacks.tests.world import Stacks
from infrastructure.embedded.tests.control import Control, call, run, table

_LIKE_ONE = re.compile("(client|request|idempotency|creation)+token|callerreference", re.IGNORECASE)
RULES = {(api.key, name): rule for api in PROVIDERS for name, rule in api.tokens.items()}
REMEMBERED = sorted(key for key, rule in RULES.items() if not rule.names)


def _tokens(shape: Shape | None) -> Iterator[str]:
    """The members of an input that are tokens: the model marks some, and calls others so."""
    for name, member in getattr(shape, "members", {}).items():
        if member.metadata.get("idempotencyToken") or _LIKE_ONE.fullmatch(name):
            yield name


@pytest.mark.parametrize("each", parity.table(), ids=lambda each: each.api.key)
def test_every_token_of_an_operation_that_is_answered_has_its_rule(each: parity.Parity) -> None:
    found: dict[str, str] = {}
    for name in sorted(each.answered | set(each.api.tokens)):
        of = codec.operation(each.api.model_name, name)
        assert of is not None, f"AWS has no {name}"
        found.update((name, member) for member in _tokens(of.input_shape))
    assert found == {name: rule.member for name, rule in each.api.tokens.items()}


class Handler:
    """Answers each call with its number; `fails` as often as asked, waits while it is `held`."""

    def __init__(self, *, fails: int = 0) -> None:
        self.calls = 0
        self.fails = fails
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self, _call: Call) -> Answer:
        self.calls += 1
        number = self.calls
        await self.held.wait()
        status = 500 if number <= self.fails else 200
        return Answer(
            status=status, headers={"content-type": "x", "x-amzn-requestid": str(number)}, body=b"%d" % number
        )


def _call(key: tuple[str, str], named: str = "t", **more: Any) -> Call:
    made = call(*key, {})
    return replace(made, action=key[1], parameters={RULES[key].member: named, **more})


@pytest.mark.parametrize("key", REMEMBERED, ids=" ".join)
def test_a_call_that_comes_again_is_answered_as_the_first_time(key: tuple[str, str]) -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler()
        first = await tokens(_call(key, a=1, b={"c": 2, "d": 3}), handler)
        again = await tokens(_call(key, b={"d": 3, "c": 2}, a=1), handler)
        assert (again.status, again.body, again.headers["content-type"]) == (200, first.body, "x")
        other = await tokens(_call(key, named="u", a=1), handler)
        assert (other.body, handler.calls) == (b"2", 2)

    run(scenario())


MISMATCHES = {
    "dynamodb": "IdempotentParameterMismatchException",
    "eks": "InvalidParameterException",
    "redshift-data": "ValidationException",
    "ec2": "IdempotentParameterMismatch",
    "cloudformation": "TokenAlreadyExistsException",
    "ecs CreateService": "InvalidParameterException",
    "ecs RunTask": "ConflictException",
    "vpc-lattice": "ConflictException",
}


@pytest.mark.parametrize("key", REMEMBERED, ids=" ".join)
def test_another_call_with_the_token_is_refused_with_the_apis_own_code(key: tuple[str, str]) -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler()
        await tokens(_call(key, a=1), handler)
        refused = await tokens(_call(key, a=2), handler)
        code = MISMATCHES.get(" ".join(key)) or MISMATCHES[key[0]]
        assert (refused.status, handler.calls) == (400, 1)
        in_head = refused.headers.get("x-amzn-errortype", "")  # where REST-JSON has it
        assert in_head == code or re.search(rb"[>\"#]%b[<\"]" % code.encode(), refused.body)

    run(scenario())


def test_a_transaction_is_remembered_for_ten_minutes() -> None:
    async def scenario() -> None:
        now = [1000.0]
        tokens, handler = Idempotency(clock=lambda: now[0]), Handler()
        asked = _call(("dynamodb", "TransactWriteItems"))
        await tokens(asked, handler)
        now[0] += 599.9
        assert (await tokens(asked, handler)).body == b"1"
        now[0] += 0.1
        assert (await tokens(asked, handler)).body == b"2"

    run(scenario())


def test_a_call_that_failed_may_be_tried_again_with_its_token() -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler(fails=1)
        asked = _call(("ec2", "CreateNatGateway"))
        assert [(await tokens(asked, handler)).status for _ in range(3)] == [500, 200, 200]
        assert handler.calls == 2

    run(scenario())


@pytest.mark.parametrize(("fails", "bodies"), [(0, [b"1", b"1"]), (1, [b"1", b"2"])], ids=["well", "badly"])
def test_the_same_call_waits_while_the_first_is_under_way(fails: int, bodies: list[bytes]) -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler(fails=fails)
        handler.held.clear()
        asked = _call(("ecs", "RunTask"))
        both = [asyncio.create_task(tokens(asked, handler)) for _ in range(2)]
        await asyncio.sleep(0)
        assert handler.calls == 1
        handler.held.set()
        assert [each.body for each in await asyncio.gather(*both)] == bodies

    run(scenario())


def test_a_transaction_that_comes_again_meanwhile_is_told_so() -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler()
        handler.held.clear()
        asked = _call(("dynamodb", "TransactWriteItems"))
        first = asyncio.create_task(tokens(asked, handler))
        await asyncio.sleep(0)
        refused = await tokens(asked, handler)
        assert (refused.status, b"TransactionInProgressException" in refused.body) == (400, True)
        handler.held.set()
        assert (await first).body == (await tokens(asked, handler)).body == b"1"

    run(scenario())


@pytest.mark.parametrize("call_made", [("dynamodb", "PutItem"), ("secretsmanager", "PutSecretValue")], ids=" ".join)
def test_what_has_no_token_and_what_a_token_names_passes(call_made: tuple[str, str]) -> None:
    async def scenario() -> None:
        tokens, handler = Idempotency(), Handler()
        asked = replace(call(*call_made, {}), parameters={"ClientRequestToken": "t"})
        assert [(await tokens(asked, handler)).body for _ in range(2)] == [b"1", b"2"]

    run(scenario())


def test_a_transaction_that_is_sent_again_adds_once() -> None:
    async def scenario() -> None:
        control = Control()
        await control.ask("dynamodb", "CreateTable", **table("orders"))
        key = {"id": {"S": "1"}}
        added = {"TableName": "orders", "Key": key, "UpdateExpression": "ADD n :one"}
        items = [{"Update": {**added, "ExpressionAttributeValues": {":one": {"N": "1"}}}}]
        for _ in range(2):
            await control.ask("dynamodb", "TransactWriteItems", TransactItems=items, ClientRequestToken="t")
        found = await control.ask("dynamodb", "GetItem", TableName="orders", Key=key)
        assert found["Item"]["n"] == {"N": "1"}

    run(scenario())


def test_a_launch_template_is_made_once_for_a_token() -> None:
    async def scenario() -> None:
        control = Control()
        members = {"LaunchTemplateName": "l", "ClientToken": "t", "LaunchTemplateData.InstanceType": "t3.micro"}
        first, again = [await control.answer("ec2", "CreateLaunchTemplate", **members) for _ in range(2)]
        assert (again.status, again.body) == (200, first.body)

    run(scenario())


def test_each_event_of_a_stack_bears_the_token_of_its_call() -> None:
    async def scenario() -> None:
        control = Stacks().control
        template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
        members = {"StackName": "s", "TemplateBody": template, "ClientRequestToken": "made"}
        first, again = [await control.answer("cloudformation", "CreateStack", **members) for _ in range(2)]
        assert (again.status, again.body) == (200, first.body)
        await control.answer("cloudformation", "DeleteStack", StackName="s", ClientRequestToken="gone")
        stack = re.search(rb"<StackId>(.*?)</StackId>", first.body)
        assert stack is not None
        found = await control.answer("cloudformation", "DescribeStackEvents", StackName=stack[1].decode())
        tokens = re.findall(rb"<ClientRequestToken>(.*?)</ClientRequestToken>", found.body)
        assert (len(tokens), tokens[:4], tokens[4:]) == (8, [b"gone"] * 4, [b"made"] * 4)

    run(scenario())
