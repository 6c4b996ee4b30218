"""Kinesis: streams of records, the newest in memory, older ones in files."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="kinesis",
    moto="kinesis",
    protocol="json",
    target="Kinesis_20131202",
    body_limit=11 << 20,
    data=names("PutRecord PutRecords"),
    reads=frozenset(),
    kinder={
        "GetRecords": "a record can be read at once, and no answer is empty while there are records",
        "PutRecord": "never fails by itself; on AWS now and then with InternalFailure",
        "PutRecords": "as PutRecord",
    },
    note="Records are kept for their retention period, in real hours at any pace: the newest 64 MiB of all streams in "
    "memory, older ones in the state folder. When 8 GiB lie there, two hours at 1 MiB a second, or the disk has less "
    "than 1 GiB left, records fail with InternalFailure, and nothing that was taken is dropped. Streams on demand have "
    "the throughput of their four shards and are not scaled.",
    controller="infrastructure.embedded.apis.kinesis.controller:KinesisController",
    rules="infrastructure.embedded.apis.kinesis.rules",
    resources="infrastructure.embedded.apis.kinesis.resources",
)
