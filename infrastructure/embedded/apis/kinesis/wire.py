"""Answers of the calls that move records, written at once: ten thousand records are too much for a serializer."""

import base64
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson

from infrastructure.embedded.apis.kinesis.log import Entry
from infrastructure.embedded.apis.kinesis.stream import Stream
from infrastructure.embedded.gateway.call import Answer

CONTENT_TYPE = "application/x-amz-json-1.1"


def answer(members: Mapping[str, Any]) -> Answer:
    """The answer with these members, whose values JSON has."""
    headers = {"content-type": CONTENT_TYPE, "x-amzn-requestid": str(uuid4())}
    return Answer(status=200, headers=headers, body=orjson.dumps(members))


def record(stream: Stream, shard: int, entry: Entry) -> dict[str, Any]:
    """One record of a shard as JSON has it."""
    members = {
        "SequenceNumber": stream.sequence_number(entry.number, shard),
        "ApproximateArrivalTimestamp": round(entry.at, 3),
        "Data": base64.b64encode(entry.data).decode(),
        "PartitionKey": entry.key,
    }
    return {**members, "EncryptionType": "KMS"} if entry.is_encrypted else members
