"""AWS::Lambda::Function, LayerVersion and EventSourceMapping; the controller answers the calls they make."""

from infrastructure.embedded.stacks.resource_type import REF, Members, Properties, ResourceType, Step, Tags, att

_SETTINGS: Members = {
    "DeadLetterConfig": {},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "KmsKeyArn": "",
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""What UpdateFunctionConfiguration changes, and what it is when a template leaves it out."""


def _code(properties: Properties) -> Members:
    return {**properties["Code"], "Architectures": properties.get("Architectures")}


TYPES = (
    ResourceType(
        "AWS::Lambda::LayerVersion",
        "lambda",
        name="LayerName",
        key={"LayerName": lambda ref: ref.rpartition(":")[0], "VersionNumber": lambda ref: ref.rpartition(":")[2]},
        create=Step("PublishLayerVersion"),
        is_versioned=True,
        ref="LayerVersionArn",
        attributes={"LayerVersionArn": REF},
        delete=Step("DeleteLayerVersion"),
    ),
    ResourceType(
        "AWS::Lambda::Function",
        "lambda",
        name="FunctionName",
        key={"FunctionName": REF},
        create=Step("CreateFunction"),
        describe=Step("GetFunction"),
        item="Configuration",
        attributes={"Arn": "FunctionArn"},
        # What changed and no more: reserved concurrency may be an experiment's by now.
        changes=(
            Step("UpdateFunctionCode", ("Architectures", "Code"), whole=True, shape=_code),
            Step("UpdateFunctionConfiguration", defaults=_SETTINGS),
            Step(
                "PutFunctionConcurrency",
                ("ReservedConcurrentExecutions",),
                is_setting=True,
                without=Step("DeleteFunctionConcurrency"),
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"Resource": att("Arn")}),
        delete=Step("DeleteFunction"),
    ),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        "lambda",
        key={"UUID": REF},
        create=Step("CreateEventSourceMapping"),
        ref="UUID",
        describe=Step("GetEventSourceMapping"),
        attributes={"EventSourceMappingArn": "EventSourceMappingArn", "Id": REF},
        changes=(Step("UpdateEventSourceMapping"),),
        tags=Tags("TagResource", "UntagResource", {"Resource": att("EventSourceMappingArn")}),
        delete=Step("DeleteEventSourceMapping"),
    ),
)
