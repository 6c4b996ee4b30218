"""AWS::Lambda::Function, LayerVersion and EventSourceMapping; the controller answers the calls they make."""

from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, att

_NAME = {"FunctionName": REF}
_SETTINGS = {
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

TYPES = (
    ResourceType(
        "AWS::Lambda::LayerVersion",
        "lambda",
        name="LayerName",
        create=Step("PublishLayerVersion"),
        is_versioned=True,
        ref="LayerVersionArn",
        attributes={"LayerVersionArn": REF},
        delete=Step(
            "DeleteLayerVersion",
            {"LayerName": lambda ref: ref.rpartition(":")[0], "VersionNumber": lambda ref: ref.rpartition(":")[2]},
        ),
    ),
    ResourceType(
        "AWS::Lambda::Function",
        "lambda",
        name="FunctionName",
        create=Step("CreateFunction"),
        describe=Step("GetFunction", _NAME),
        item="Configuration",
        attributes={"Arn": "FunctionArn"},
        # What changed and no more: reserved concurrency may be an experiment's by now.
        changes=(
            Step(
                "UpdateFunctionCode",
                _NAME,
                ("Architectures", "Code"),
                whole=True,
                shape=lambda given: {**given["Code"], "Architectures": given.get("Architectures")},
            ),
            Step(
                "UpdateFunctionConfiguration",
                _NAME,
                (*_SETTINGS, "Handler", "LoggingConfig", "Role", "Runtime"),
                defaults=_SETTINGS,
            ),
            Step(
                "PutFunctionConcurrency",
                _NAME,
                ("ReservedConcurrentExecutions",),
                is_setting=True,
                without=Step("DeleteFunctionConcurrency", _NAME),
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"Resource": att("Arn")}),
        delete=Step("DeleteFunction", _NAME),
    ),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        "lambda",
        create=Step("CreateEventSourceMapping"),
        ref="UUID",
        describe=Step("GetEventSourceMapping", {"UUID": REF}),
        attributes={"EventSourceMappingArn": "EventSourceMappingArn", "Id": REF},
        changes=(
            Step(
                "UpdateEventSourceMapping",
                {"UUID": REF},
                (
                    "BatchSize",
                    "Enabled",
                    "FunctionName",
                    "FunctionResponseTypes",
                    "MaximumBatchingWindowInSeconds",
                    "ScalingConfig",
                ),
            ),
        ),
        tags=Tags("TagResource", "UntagResource", {"Resource": att("EventSourceMappingArn")}),
        delete=Step("DeleteEventSourceMapping", {"UUID": REF}),
    ),
)
