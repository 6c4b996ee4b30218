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
        "GetRecords": "records in order, up to 10,000 a call",
        "GetShardIterator": "where to read on",
        "MergeShards": "one shard of two; their records can be read on",
        "PutRecord": "a record in the shard of its key",
        "PutRecords": "records in the shards of their keys",
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
        "throughput is not limited": "UpdateStreamMode RegisterStreamConsumer DeregisterStreamConsumer",
        "tags and policies": "AddTagsToStream RemoveTagsFromStream PutResourcePolicy DeleteResourcePolicy",
    },
    absent=dict.fromkeys(
        ("DeregisterStreamConsumer", "DescribeStreamConsumer", "ListStreamConsumers", "UpdateStreamMode"),
        "ResourceNotFoundException",
    ),
    note="A shard keeps its latest 100,000 records. Shard throughput is not limited; nothing is encrypted.",
    resources="infrastructure.embedded.apis.kinesis.resources",
)
