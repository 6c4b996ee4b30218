"""AWS::SQS::Queue."""

from infrastructure.embedded.stacks.resource_type import REF, Members, Properties, ResourceType, Step, Tags


def _attributes(properties: Properties) -> Members:
    """All but name and tags are attributes; a queue that is no FIFO queue has no attribute that says so."""
    named = {name: value for name, value in properties.items() if name in ("QueueName", "Tags")}
    is_said = {"FifoQueue"} if str(properties.get("FifoQueue")).lower() == "false" else set()
    return {**named, "Attributes": {k: v for k, v in properties.items() if k not in {*named, *is_said}}}


TYPES = (
    ResourceType(
        "AWS::SQS::Queue",
        "sqs",
        name="QueueName",
        key={"QueueUrl": REF},
        create=Step("CreateQueue", shape=_attributes),
        ref="QueueUrl",
        describe=Step("GetQueueAttributes", where={"AttributeNames": ["QueueArn"]}),
        item="Attributes",
        attributes={"Arn": "QueueArn", "QueueName": lambda ref: ref.rpartition("/")[2], "QueueUrl": REF},
        changes=(Step("SetQueueAttributes", defaults={"RedrivePolicy": ""}, shape=_attributes),),
        tags=Tags("TagQueue", "UntagQueue", {"QueueUrl": REF}),
        delete=Step("DeleteQueue"),
    ),
)
