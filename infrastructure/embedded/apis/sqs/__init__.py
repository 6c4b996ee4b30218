"""SQS: queues in the control plane itself."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="sqs",
    moto="sqs",
    handler="SQSResponse",
    protocol="json",
    target="AmazonSQS",
    body_limit=2 << 20,
    data=names(
        "ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch SendMessage "
        "SendMessageBatch"
    ),
    effects={
        "ChangeMessageVisibility": "the delivery ends then; zero gives the message back at once",
        "ChangeMessageVisibilityBatch": "as the single call",
        "CreateQueue": "a queue with metrics in AWS/SQS",
        "DeleteMessage": "gone; unlocks its message group",
        "DeleteMessageBatch": "as the single call",
        "DeleteQueue": "the queue and its messages are gone",
        "PurgeQueue": "empty at once, once a minute",
        "ReceiveMessage": "visibility time-outs, locked groups, redrive to the dead letter queue, long polling",
        "SendMessage": "kept in order; FIFO: de-duplicated for five minutes; answers who polls",
        "SendMessageBatch": "as the single call",
        "SetQueueAttributes": "counts from the next call on",
    },
    kinder={
        "PurgeQueue": "empty at once; within a minute on AWS",
        "ReceiveMessage": "a short poll finds every message; standard queues deliver in order and once",
        "SetQueueAttributes": "in force at once; within a minute on AWS",
    },
    records={"no call is authorised by policies": "AddPermission RemovePermission", "tags": "TagQueue UntagQueue"},
    codes={"InvalidToken": "InvalidParameterValue"},
    invalid="InvalidParameterValue",
    invalid_at={"attribute": "InvalidAttributeName"},
    unchecked={"ReceiveMessage": "AttributeNames"},
    missing="MissingParameter",
    interceptors=(
        "infrastructure.embedded.apis.sqs.recreation:Recreation",
        "infrastructure.embedded.apis.sqs.long_poll:LongPoll",
    ),
    controller="infrastructure.embedded.apis.sqs.controller:SqsController",
    rules="infrastructure.embedded.apis.sqs.rules",
    resources="infrastructure.embedded.apis.sqs.resources",
)
