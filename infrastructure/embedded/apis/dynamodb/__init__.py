"""DynamoDB: tables whose throughput is metered."""

from infrastructure.embedded.gateway.api import Api, Token, names

API = Api(
    name="dynamodb",
    moto="dynamodb",
    handler="DynamoHandler",
    protocol="json",
    target="DynamoDB_20120810",
    body_limit=17 << 20,
    data=names(
        "BatchExecuteStatement BatchWriteItem DeleteItem ExecuteStatement ExecuteTransaction PutItem "
        "TransactWriteItems UpdateItem"
    ),
    effects={
        "BatchExecuteStatement": "statements, each as the call that does the same; those that fail say why",
        "BatchGetItem": "items; those of throttled tables come back as unprocessed keys",
        "BatchWriteItem": "items; those of throttled tables come back as unprocessed",
        "CreateTable": "a table with token buckets and metrics in AWS/DynamoDB",
        "DeleteItem": "an item less, throttled as provisioned",
        "DeleteTable": "the table, its items and its buckets are gone",
        "ExecuteStatement": "one statement, as the call that does the same",
        "ExecuteTransaction": "statements, all or none, as the transaction that does the same",
        "GetItem": "the item, throttled as provisioned",
        "PutItem": "an item, throttled as provisioned",
        "Query": "items, throttled as provisioned by what was read",
        "Scan": "items, throttled as provisioned by what was read",
        "TransactGetItems": "items, at double cost",
        "TransactWriteItems": "all or nothing, at double cost; throttled, or one of its items in another: cancelled",
        "UpdateItem": "a changed item, throttled as provisioned",
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
    tokens=dict.fromkeys(
        ("ExecuteTransaction", "TransactWriteItems"),
        Token(
            member="ClientRequestToken",
            kept_s=600.0,
            mismatch="IdempotentParameterMismatchException",
            message="The request was rejected because the provided ClientRequestToken was used before with other "
            "parameters.",
            busy="TransactionInProgressException",
        ),
    ),
    note="PartiQL's EXISTS is refused. What global indexes consume is not metered.",
    interceptors=(
        "infrastructure.embedded.apis.dynamodb.partiql.calls:Statements",
        "infrastructure.embedded.apis.dynamodb.conflicts:Conflicts",
        "infrastructure.embedded.apis.dynamodb.throttling:Throttling",
    ),
    controller="infrastructure.embedded.apis.dynamodb.controller:DynamoDbController",
    rules="infrastructure.embedded.apis.dynamodb.rules",
    resources="infrastructure.embedded.apis.dynamodb.resources",
)
