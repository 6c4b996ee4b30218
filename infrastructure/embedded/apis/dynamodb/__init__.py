"""DynamoDB: tables whose throughput is metered."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="dynamodb",
    moto="dynamodb",
    handler="DynamoHandler",
    protocol="json",
    target="DynamoDB_20120810",
    body_limit=17 << 20,
    data=names("BatchWriteItem DeleteItem PutItem TransactWriteItems UpdateItem"),
    effects={
        "BatchGetItem": "items; those of throttled tables come back as unprocessed keys",
        "BatchWriteItem": "items; those of throttled tables come back as unprocessed",
        "CreateTable": "a table with token buckets and metrics in AWS/DynamoDB",
        "DeleteItem": "an item less, throttled as provisioned",
        "DeleteTable": "the table, its items and its buckets are gone",
        "GetItem": "the item, throttled as provisioned",
        "PutItem": "an item, throttled as provisioned",
        "Query": "items, throttled as provisioned by what was read",
        "Scan": "items, throttled as provisioned by what was read",
        "TransactGetItems": "items, at double cost",
        "TransactWriteItems": "all or nothing, at double cost; throttled: cancelled with reasons",
        "UpdateItem": "a changed item, throttled as provisioned",
        "UpdateTable": "the buckets fill at the new rate from the next call on; on demand they are never empty",
    },
    kinder={
        "BatchGetItem": "never stale, as if ConsistentRead were set",
        "CreateTable": "active at once; seconds on AWS",
        "GetItem": "never stale, as if ConsistentRead were set",
        "Query": "never stale, as if ConsistentRead were set, indexes too",
        "Scan": "never stale, as if ConsistentRead were set, indexes too",
        "UpdateTable": "in force at once; up to minutes on AWS",
    },
    records={
        "tags and policies": "TagResource UntagResource PutResourcePolicy DeleteResourcePolicy",
        "nothing here lives for days: backups hold what they were made of": (
            "CreateBackup DeleteBackup RestoreTableFromBackup UpdateContinuousBackups RestoreTableToPointInTime"
        ),
        "items are not expired": "UpdateTimeToLive",
    },
    codes={
        "ResourceNotFound": "ResourceNotFoundException",
        "SourceTableNotFoundException": "TableNotFoundException",
    },
    note="PartiQL is refused: moto's statements insert an item twice, find nothing by a compound key and know no "
    "numbers.",
    interceptor="infrastructure.embedded.apis.dynamodb.throttling:Throttling",
    controller="infrastructure.embedded.apis.dynamodb.controller:DynamoDbController",
    resources="infrastructure.embedded.apis.dynamodb.resources",
)
