"""Records as they go over the wire: ten thousand are too much for a serializer."""

import base64
from typing import Any

from infrastructure.embedded.apis.kinesis.log import Entry
from infrastructure.embedded.apis.kinesis.stream import Stream

CONTENT_TYPE = "application/x-amz-json-1.1"


def record(stream: Stream, shard: int, entry: Entry) -> dict[str, Any]:
    """One record of a shard as JSON has it."""
    members = {
        "SequenceNumber": stream.sequence_number(entry.number, shard),
        "ApproximateArrivalTimestamp": round(entry.at, 3),
        "Data": base64.b64encode(entry.data).decode(),
        "PartitionKey": entry.key,
    }
    return {**members, "EncryptionType": "KMS"} if entry.is_encrypted else members
