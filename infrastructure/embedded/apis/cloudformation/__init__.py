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
        "DescribeStackEvents DescribeStackResource DescribeStackResources DescribeStacks "
        "ListExports ListStackResources ListStacks"
    ),
    effects={"DescribeStackEvents": "every step of every resource, with its reason"},
    tokens={
        **dict.fromkeys(names("CreateStack DeleteStack ExecuteChangeSet UpdateStack"), _token("ClientRequestToken")),
        "CreateChangeSet": _token("ClientToken"),
    },
    note="A stack is complete once its resources are recorded: it does not wait for an ECS service to be stable; a "
    "change set is complete when the call that creates it returns. No imports of resources, nested stacks, macros or "
    "drift detection; updates cannot be left without rollback.",
    controller="infrastructure.embedded.apis.cloudformation.controller:CloudFormationController",
)
