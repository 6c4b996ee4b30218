"""Whether an answer is one that AWS could have given to the case. Pure: takes the answer, says what is wrong with it.

Codes of a refused request, from the API references' "Common Error Types" and each API's error lists:

- JSON: ValidationException, SerializationException; ECS, ECR, Logs and Tagging: InvalidParameterException; Secrets
  Manager both; CloudWatch, IAM, STS, CloudFormation, ELB: ValidationError; SQS, RDS, ElastiCache, CloudWatch:
  InvalidParameterValue, MissingParameter, SQS InvalidAttributeName; queries of the wrong form: MalformedInput;
- EC2: InvalidParameterValue, MissingParameter, UnknownParameter; S3: InvalidArgument, MalformedXML, and those of a
  member's own.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore import parsers
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.tests.conformance.cases import Case

_JSON = frozenset({"ValidationException", "SerializationException"})
_QUERY = frozenset({"ValidationError", "MalformedInput", "InvalidParameterValue", "MissingParameter"})
_EC2 = frozenset({"InvalidParameterValue", "MissingParameter", "UnknownParameter", "InvalidParameterCombination"})
_S3 = frozenset({"InvalidArgument", "InvalidLocationConstraint", "InvalidRequest", "MalformedXML"})
INVALID: Mapping[str, frozenset[str]] = {
    "ec2": _EC2,
    "eks": _JSON | {"InvalidParameterException"},
    "ecr": _JSON | {"InvalidParameterException"},
    "ecs": _JSON | {"InvalidParameterException"},
    "memorydb": _JSON | {"InvalidParameterValueException"},
    "logs": _JSON | {"InvalidParameterException"},
    "monitoring": frozenset({"ValidationError", "InvalidParameterValue", "MissingParameter", "SerializationException"}),
    "s3": _S3,
    "secretsmanager": _JSON | {"InvalidParameterException"},
    "sqs": frozenset({"InvalidAttributeName", "InvalidParameterValue", "MissingParameter", "SerializationException"}),
    "tagging": _JSON | {"InvalidParameterException"},
}
"""Codes of an invalid request, by API; the others' are those of their protocol."""
_OF_PROTOCOL = {"json": _JSON, "rest-json": _JSON, "query": _QUERY, "ec2": _EC2, "rest-xml": _S3}
COMMON = frozenset({"AccessDenied", "InvalidParameterCombination", "ThrottlingException", "ValidationError"})
"""Of the common error types, those that an API may answer a valid request with."""
_EC2_CODES = re.compile(
    r"^(Invalid\w+(\.\w+)*|Missing\w+|Unknown\w+|\w+NotFound|\w+\.NotAttached|\w+LimitExceeded|DependencyViolation"
    r"|DefaultSubnetAlreadyExistsInAvailabilityZone|RouteNotSupported|OperationNotPermitted|\w+Conflict|\w+\.InUse|\w+\.Duplicate|\w+AlreadyExists|DryRunOperation|AuthFailure|\w+\.Malformed"
    r"|IdempotentParameterMismatch|Incorrect\w+|Resource\.AlreadyAssociated)$"
)
_PARSERS: Mapping[str, Any] = {
    name: parsers.create_parser(name) for name in ("json", "query", "ec2", "rest-json", "rest-xml")
}


def problem(case: Case, answer: Answer, plain: Answer | None = None) -> str | None:
    """What is wrong with the answer, in a line; None when nothing is. `plain`: that to the request uncompressed."""
    if answer.status == 501 and case.path and case.kind in ("valid", "nonsense", "walk"):
        return None  # a setting that is not provided, which is said
    if answer.status >= 500:
        return f"answered {answer.status}"
    try:
        error = parsed(case, answer)
    except parsers.ResponseParserError as unreadable:
        return f"SDKs cannot read the answer: {unreadable}"
    code = error.response["Error"]["Code"] if error is not None else ""
    if case.request.method == "HEAD" and code == str(answer.status):
        return None  # an error without a body has no other code
    if error is not None and not (code and error.response["Error"]["Message"]):
        return f"answered {answer.status} {code} without a code or a message"
    if plain is not None:
        other = parsed(case, plain)
        if (other and other.response["Error"]) != (error and error.response["Error"]):
            return f"answered {answer.status} {code} compressed, {plain.status} otherwise"
        return None
    if case.kind in ("valid", "nonsense", "walk"):
        known = not code or code in _modelled(case.operation) | _invalid(case) | COMMON or _is_documented(case, code)
        return None if known else f"answered {answer.status} {code}, which is none of AWS's codes"
    if error is None:
        return f"accepted: answered {answer.status}"
    return None if code in _invalid(case) else f"refused as {code}, not as {', '.join(sorted(_invalid(case)))}"


def parsed(case: Case, answer: Answer) -> ClientError | None:
    """The answer as botocore reads it: an error as an SDK would raise it, None for a success."""
    return ClientError(output(case, answer), case.operation.name) if answer.status >= 400 else None


def output(case: Case, answer: Answer) -> Any:
    """The members of the answer, as botocore reads them."""
    wire = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    return _PARSERS[case.api.protocol].parse(wire, case.operation.output_shape)


def _invalid(case: Case) -> frozenset[str]:
    return INVALID.get(case.api.name, _OF_PROTOCOL[case.api.protocol])


@cache
def _modelled(of: OperationModel) -> frozenset[str]:
    """The error codes of the operation's API."""
    shapes: Any = of.service_model.error_shapes
    return frozenset(shape.error_code for shape in shapes) | {shape.name for shape in shapes}


def _is_documented(case: Case, code: str) -> bool:
    if case.api.protocol == "ec2":
        return _EC2_CODES.match(code) is not None
    return code in _S3_CODES if case.api.name == "s3" else False


_S3_CODES = names(
    "AccessDenied BucketAlreadyExists BucketAlreadyOwnedByYou EntityTooSmall IllegalLocationConstraintException "
    "IllegalVersioningConfigurationException InvalidBucketName InvalidNamespaceHeader InvalidObjectState "
    "InvalidPart InvalidPartOrder InvalidRange InvalidTag MalformedACLError MalformedPolicy MethodNotAllowed "
    "MissingSecurityHeader NoSuchBucket NoSuchBucketPolicy NoSuchCORSConfiguration NoSuchKey "
    "NoSuchLifecycleConfiguration NoSuchTagSet NoSuchUpload NoSuchVersion NoSuchWebsiteConfiguration "
    "ObjectLockConfigurationNotFoundError OwnershipControlsNotFoundError PreconditionFailed "
    "ReplicationConfigurationNotFoundError ServerSideEncryptionConfigurationNotFoundError"
)
"""From the S3 API Reference, "Error responses"."""
