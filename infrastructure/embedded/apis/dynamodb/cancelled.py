"""Answers that throttling and transactions give in DynamoDB's place."""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from infrastructure.embedded.apis.dynamodb.touched import Wire
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.errors import error

PREFIX = "com.amazonaws.dynamodb.v20120810#"


def cancelled(call: Call, guilty: Sequence[bool], code: str, message: str) -> Answer:
    """A transaction is cancelled, with `code` as the reason at the place of each item that is `guilty` of it."""
    reason: dict[str, object] = {"Code": code, "Message": message}
    reasons = [reason if is_guilty else {"Code": "None"} for is_guilty in guilty]
    codes = ", ".join(str(each["Code"]) for each in reasons)
    text = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return error(call, PREFIX + "TransactionCanceledException", text, CancellationReasons=reasons)


def changed(answer: Answer, body: Wire) -> Answer:
    """The answer with another body, of which its checksum is none."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-amz-crc32"}
    return replace(answer, headers=headers, body=orjson.dumps(body))
