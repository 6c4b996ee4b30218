"""What the policy of a form allows, in S3's words; nothing that it does not allow is kept."""

import json
from typing import Any

import pytest

from infrastructure.embedded.apis.s3.tests.posting import BUCKET, bucket, form, kept, post, presigned, said, signed
from infrastructure.embedded.tests.control import run

LATER = "2099-01-01T00:00:00Z"
FAILED = "Invalid according to Policy: Policy Condition failed: "


@pytest.mark.parametrize(
    ("conditions", "fields", "message"),
    [
        ([["eq", "$acl", "private"]], {"acl": "public-read"}, FAILED + '["eq", "$acl", "private"]'),
        ([{"acl": "private"}], {"acl": "Private"}, FAILED + '["eq", "$acl", "private"]'),
        ([["starts-with", "$acl", ""]], {}, FAILED + '["starts-with", "$acl", ""]'),
        ([["eq", "acl", "private"]], {"acl": "private"}, FAILED + '["eq", "acl", "private"]'),
        ([["Starts-With", "$Acl", "pub"]], {"acl": "private"}, FAILED + '["starts-with", "$Acl", "pub"]'),
        (
            [["starts-with", "$Content-Type", "image/"]],
            {"Content-Type": "image/png,text/html"},
            FAILED + '["starts-with", "$Content-Type", "image/"]',
        ),
        (
            [["starts-with", "$success_action_status", "20"]],
            {"success_action_status": "200"},
            FAILED + '["starts-with", "$success_action_status", "20"]',
        ),
        (
            [["starts-with", "$x-amz-storage-class", ""]],
            {"x-amz-storage-class": "STANDARD"},
            FAILED + '["starts-with", "$x-amz-storage-class", ""]',
        ),
        ([["content-length-range", "a", 10]], {}, FAILED + '["content-length-range", "a", 10]'),
        ([], {"x-amz-meta-a": "b"}, "Invalid according to Policy: Extra input fields: x-amz-meta-a"),
        ([], {"Filename": "b"}, "Invalid according to Policy: Extra input fields: filename"),
    ],
)
def test_what_a_condition_does_not_allow_is_denied(conditions: list[Any], fields: dict[str, str], message: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form({**presigned(conditions=conditions), **fields})))
            assert (told.status, told.code, told.message) == (403, "AccessDenied", message)
            assert (await kept(client)).status == 404

    run(scenario())


@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([["EQ", "$ACL", "private"]], {"acl": "private"}),
        ([["starts-with", "$acl", "pri"], {"acl": "private"}], {"aCl": "private"}),
        ([["starts-with", "$Content-Type", "image/"]], {"content-type": "image/png, image/gif"}),
        ([["starts-with", "$x-amz-meta-a", ""]], {"x-amz-meta-a": ""}),
        ([["content-length-range", "0", "7"]], {}),
        ([["content-length-range", 7, 7]], {}),
        ([], {"x-ignore-toolkit": "a"}),
    ],
)
def test_what_the_conditions_allow_is_taken(conditions: list[Any], fields: dict[str, str]) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            assert (await post(client, form({**presigned(conditions=conditions), **fields}))).status == 204

    run(scenario())


def test_another_key_and_another_bucket_are_denied() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            assert (await client.signed("s3", "PUT", "/another")).status == 200
            key = said(await post(client, form({**presigned(), "key": "x"})))
            assert (key.status, key.message) == (403, FAILED + '["eq", "$key", "beans"]')
            prefix = said(await post(client, form({**presigned("shops/${filename}"), "key": "x/shops/"})))
            assert (prefix.status, prefix.message) == (403, FAILED + '["starts-with", "$key", "shops/"]')
            there = said(await post(client, form({**presigned(), "bucket": BUCKET}), "/another"))
            assert (there.status, there.message) == (403, FAILED + f'["eq", "$bucket", "{BUCKET}"]')

    run(scenario())


def test_the_key_is_judged_with_the_name_of_the_file_in_it() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            fields = {**presigned("shops/${filename}"), "key": "${filename}"}
            assert said(await post(client, form(fields, filename="shops/beans"))).code == "AccessDenied"
            assert (await post(client, form(presigned("${filename}", conditions=[{"key": "beans.txt"}])))).status == 204

    run(scenario())


def test_an_expired_policy_is_denied() -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned(expires_s=-1))))
            assert (told.status, told.code) == (403, "AccessDenied")
            assert told.message == "Invalid according to Policy: Policy expired."

    run(scenario())


@pytest.mark.parametrize(
    ("allowed", "code", "message", "element"),
    [
        (
            [0, 6],
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            "<ProposedSize>7</ProposedSize><MaxSizeAllowed>6</MaxSizeAllowed>",
        ),
        (
            [8, 10],
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
            "<ProposedSize>7</ProposedSize><MinSizeAllowed>8</MinSizeAllowed>",
        ),
    ],
)
def test_a_file_of_a_size_that_is_not_allowed_is_refused(
    allowed: list[int], code: str, message: str, element: str
) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(presigned(conditions=[["content-length-range", *allowed]]))))
            assert (told.status, told.code, told.message) == (400, code, message)
            assert element in told.text
            assert (await kept(client)).status == 404

    run(scenario())


COVERED = [{"bucket": BUCKET}, {"key": "beans"}]
INVALID = {
    "": "Invalid JSON.",
    "[]": "Invalid JSON.",
    "{'expiration': 1}": "Invalid JSON.",
    "[" * 5000: "Invalid JSON.",
    json.dumps({"conditions": COVERED}): "Policy missing expiration.",
    json.dumps({"EXPIRATION": LATER, "conditions": COVERED}): "Unexpected: 'expiration'",
    json.dumps({"expiration": LATER}): "Policy missing conditions.",
    json.dumps({"expiration": LATER, "conditions": {}}): "Invalid 'conditions' value: must be a List.",
    json.dumps({"expiration": 1, "conditions": []}): "Invalid 'expiration' value: '1'",
    **{
        json.dumps({"expiration": said, "conditions": []}): f"Invalid 'expiration' value: '{said}'"
        for said in ("2099-02-30T00:00:00Z", "2099-01-01 00:00:00 UTC", "2099-01-01T00:00:00+02:00", "2099-01-01")
    },
    **{
        json.dumps({"expiration": LATER, "conditions": [condition]}): message
        for condition, message in (
            ("eq", "Invalid condition test: must be a List or Object."),
            ([], "Invalid Condition: missing operation identifier."),
            (["ne", "$key", "a"], "Invalid Condition: unknown operation 'ne'."),
            (["eq", "$key"], "Invalid eq: wrong number of arguments."),
            (["eq", "$key", 1], "Invalid JSON."),
            (["content-length-range", 0], "Invalid content-length-range: wrong number of arguments."),
            (["content-length-range", 0, 1.5], "Invalid JSON."),
            (["content-length-range", -1, 1], "Invalid JSON."),
            (["content-length-range", True, 1], "Invalid JSON."),
            ({}, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."),
            (
                {"bucket": BUCKET, "key": "beans"},
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
            ),
            ({"key": 1}, "Invalid Simple-Condition: value must be a string."),
            ({"key": None}, "Invalid JSON."),
        )
    },
}


@pytest.mark.parametrize(("document", "message"), INVALID.items(), ids=range(len(INVALID)))
def test_a_policy_that_is_none_is_refused(document: str, message: str) -> None:
    async def scenario() -> None:
        async with bucket() as client:
            told = said(await post(client, form(signed(document))))
            assert (told.status, told.code) == (400, "InvalidPolicyDocument")
            assert told.message == f"Invalid Policy: {message}"

    run(scenario())


def test_a_policy_that_names_no_bucket_is_good_for_none() -> None:
    fields = signed({"expiration": LATER, "conditions": []})
    named = [{name: value} for name, value in fields.items() if name.startswith("x-amz-")]
    conditions = [{"key": "beans"}, *(each for each in named if "x-amz-signature" not in each)]

    async def scenario() -> None:
        async with bucket() as client:
            for more, status in ([], 403), ([{"bucket": BUCKET}], 204):
                document = {"expiration": "2099-01-01T00:00:00.000Z", "conditions": [*conditions, *more]}
                again = {**signed(document), **{name: fields[name] for name in ("x-amz-date", "x-amz-credential")}}
                answer = await post(client, form(again))
                assert answer.status == status
                assert status == 204 or said(answer).message.endswith("Extra input fields: bucket")

    run(scenario())
