"""A function's settings: checked as they come in, written as they go out. Pure.

Source: AWS Lambda API Reference, CreateFunction and FunctionConfiguration; Developer Guide, "Lambda quotas".
"""

import re
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import Output, Parameters, invalid
from infrastructure.embedded.apis.lambda_.record import Configuration, LayerVersion, Records
from infrastructure.embedded.engines.functions.package import UNPACKED_LIMIT, CodePackage
from infrastructure.embedded.engines.functions.spec import PYTHON
from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.gateway.refused import Refused

LAYERS_LIMIT = 5
ENVIRONMENT_LIMIT = 4096
"""Bytes of all variables together."""
_DETAILS = names(
    "Architectures EphemeralStorage FileSystemConfigs KMSKeyArn LoggingConfig SnapStart TracingConfig VpcConfig"
)
_DEFAULTS: Mapping[str, Any] = {
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
    "SnapStart": {"ApplyOn": "None"},
}
_RESERVED = re.compile(
    r"AWS_(REGION|DEFAULT_REGION|ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|EXECUTION_ENV|LAMBDA_"
    r"(FUNCTION_.+|LOG_GROUP_NAME|LOG_STREAM_NAME|RUNTIME_API|INITIALIZATION_TYPE))"
    r"|_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)


def changes(given: Parameters, records: Records) -> dict[str, Any]:
    """The members of a `Configuration` that `given` (of Create or Update) sets; a refusal for what is not allowed."""
    found: dict[str, Any] = {}
    for name, (member, check) in _MEMBERS.items():
        if given.get(name) is not None:
            found[member] = check(given[name])
    if given.get("Layers") is not None:
        found["layers"] = _layers(given["Layers"], records)
    return found


def details(given: Parameters, before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are only read back, after `given`."""
    return {**_DEFAULTS, **before, **{name: given[name] for name in _DETAILS if given.get(name) is not None}}


def require_size(package: CodePackage, layers: tuple[LayerVersion, ...]) -> None:
    """Refuse code and layers that are too large together."""
    size = package.unpacked + sum(layer.package.unpacked for layer in layers)
    if size > UNPACKED_LIMIT:
        raise invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {UNPACKED_LIMIT} bytes. "
            f"The actual size is {size} bytes."
        )


def written(configuration: Configuration, *, qualified: bool, state: Mapping[str, Any]) -> Output:
    """A FunctionConfiguration; `state` are its State members."""
    arn = f"{configuration.arn}:{configuration.version}" if qualified else configuration.arn
    output: Output = {
        "FunctionName": configuration.name,
        "FunctionArn": arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": configuration.package.size,
        "CodeSha256": configuration.package.code_sha256,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mb,
        "LastModified": configuration.last_modified,
        "Version": configuration.version,
        "RevisionId": configuration.revision_id,
        "PackageType": "Zip",
        **configuration.details,
        **state,
    }
    output.setdefault("LoggingConfig", {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{configuration.name}"})
    if configuration.environment:
        output["Environment"] = {"Variables": dict(configuration.environment)}
    if configuration.dead_letter_arn:
        output["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter_arn}
    if configuration.layers:
        layers = configuration.layers
        output["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.package.size} for layer in layers]
    if "VpcConfig" in output:
        output["VpcConfig"] = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", **output["VpcConfig"]}
    return output


def require_zip(given: Parameters) -> None:
    """Refuse container images."""
    if given.get("PackageType", "Zip") != "Zip" or given.get("Code", {}).get("ImageUri"):
        raise invalid("The embedded cloud runs functions of package type Zip, not Image")


def require_revision(given: Parameters, current: str) -> None:
    """Refuse a change of what the caller has not seen."""
    if given.get("RevisionId") not in (None, current):
        raise Refused(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            status=412,
            Type="User",
        )


def _layers(arns: list[str], records: Records) -> tuple[LayerVersion, ...]:
    if len(arns) > LAYERS_LIMIT:
        raise invalid(f"Cannot reference more than {LAYERS_LIMIT} layers.")
    found = tuple(records.layer_version(arn) for arn in arns)
    if len({layer.name for layer in found}) < len(found):
        raise invalid("Two different versions of the same layer are not allowed to be referenced in the same function.")
    return found


def _runtime(runtime: str) -> str:
    if runtime != PYTHON:
        raise invalid(f"The embedded cloud runs {PYTHON}, this machine's own Python; not {runtime!r}")
    return runtime


def _environment(wanted: Mapping[str, Any]) -> dict[str, str]:
    variables = {str(name): str(value) for name, value in (wanted.get("Variables") or {}).items()}
    reserved = sorted(name for name in variables if _RESERVED.fullmatch(name))
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
            f"in this request: {', '.join(reserved)}"
        )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > ENVIRONMENT_LIMIT:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {ENVIRONMENT_LIMIT // 1024}KB limit."
        )
    return variables


def _between(name: str, low: int, high: int) -> Any:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise Refused(
                "ValidationException",
                f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must "
                f"have value between {low} and {high}",
                Type="User",
            )
        return value

    return check


_MEMBERS: Mapping[str, tuple[str, Any]] = {
    "Role": ("role", str),
    "Handler": ("handler", str),
    "Runtime": ("runtime", _runtime),
    "Timeout": ("timeout_s", _between("timeout", 1, 900)),
    "MemorySize": ("memory_mb", _between("memorySize", 128, 10_240)),
    "Description": ("description", str),
    "Environment": ("environment", _environment),
    "DeadLetterConfig": ("dead_letter_arn", lambda wanted: str(wanted.get("TargetArn") or "")),
}
"""By the API's name: the configuration's member, and what checks and converts it."""
