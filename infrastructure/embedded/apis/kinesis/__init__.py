"""Kinesis: streams of records, kept in memory."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="kinesis",
    moto="kinesis",
    handler="KinesisResponse",
    protocol="json",
    target="Kinesis_20131202",
    body_limit=11 << 20,
    data=names("PutRecord PutRecords"),
    effects={
        "CreateStream": "a stream with its shards, active at once",
        "DeleteStream": "the stream and its records are gone",
        "GetRecords": "records in order, up to 10,000 or 10 MiB a call; a shard gives 2 MiB in 5 calls a second",
        "GetShardIterator": "where to read on",
        "MergeShards": "one shard of two; their records can be read on",
        "PutRecord": "a record in the shard of its key, which takes 1,000 or 1 MiB a second",
        "PutRecords": "records in the shards of their keys; those beyond a shard's throughput fail by themselves",
        "SplitShard": "two shards of one; its records can be read on",
        "UpdateShardCount": "shards are split or merged",
    },
    kinder={
        "CreateStream": "active at once; seconds on AWS",
        "GetRecords": "a record can be read at once",
    },
    records={
        "a shard keeps its latest 100,000 records": "DecreaseStreamRetentionPeriod IncreaseStreamRetentionPeriod",
        "all metrics are those of the whole stream": "DisableEnhancedMonitoring EnableEnhancedMonitoring",
        "nothing is encrypted": "StartStreamEncryption StopStreamEncryption",
        "a stream on demand has the throughput of its shards": "UpdateStreamMode",
        "nobody subscribes": "RegisterStreamConsumer DeregisterStreamConsumer",
        "tags and policies": "AddTagsToStream RemoveTagsFromStream PutResourcePolicy DeleteResourcePolicy",
    },
    absent=dict.fromkeys(
        ("DeregisterStreamConsumer", "DescribeStreamConsumer", "ListStreamConsumers", "UpdateStreamMode"),
        "ResourceNotFoundException",
    ),
    note="A shard keeps its latest 100,000 records. Streams on demand have the throughput of their shards; nothing is "
    "encrypted.",
    controller="infrastructure.embedded.apis.kinesis.controller:KinesisController",
    rules="infrastructure.embedded.apis.kinesis.rules",
    resources="infrastructure.embedded.apis.kinesis.resources",
)
