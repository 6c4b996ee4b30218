"""CloudFormation: the stacks that are the only description of the infrastructure."""

from infrastructure.embedded.gateway.api import Api, Token, names


def _token(member: str) -> Token:
    text = "A client request token already exists."
    return Token(member=member, mismatch="TokenAlreadyExistsException", message=text)


API = Api(
    name="cloudformation",
    moto="cloudformation",
    handler="CloudFormationResponse",
    protocol="query",
    reads=names(
        "DescribeStackEvents DescribeStackResource DescribeStackResources DescribeStacks GetTemplate "
        "ListExports ListStackResources ListStacks"
    ),
    codes={"NoSuchBucket": "ValidationError", "NoSuchKey": "ValidationError"},
    effects={
        "CreateStack": "its resources are made by the APIs' own calls, or rolled back with reasons",
        "DeleteStack": "its resources are deleted, the last made first; waits for services to drain",
        "DescribeStackEvents": "every step of every resource, with its reason",
        "UpdateStack": "what resolved properties say has changed is changed, or put back",
    },
    tokens={
        **dict.fromkeys(names("CreateStack DeleteStack ExecuteChangeSet UpdateStack"), _token("ClientRequestToken")),
        "CreateChangeSet": _token("ClientToken"),
    },
    note="A stack is complete once its resources are recorded: it does not wait for an ECS service to be stable. "
    "No change sets, nested stacks, macros or drift detection.",
)
