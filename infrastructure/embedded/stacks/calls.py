"""The one seam between CloudFormation and the AWS APIs: a signing name, an action and its members in, the output's out.

Nothing of a resource type knows what lies behind it: today the daemon's operations, whose outputs may have objects of
moto's for leaves. They are written and read once as on the wire, so that what comes out has AWS's own member names.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol
from uuid import uuid4

from botocore.model import OperationModel
from botocore.parsers import create_parser

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway import codec, operations
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.moto import imports
from infrastructure.embedded.stacks.errors import ApiError

_APIS: Mapping[str, Api] = {api.name: api for api in PROVIDERS}


class CallApi(Protocol):
    """Makes one call; parameters that are None are left out. `ApiError` is the API's refusal."""

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]: ...


def operation_model(service: str, action: str) -> OperationModel:
    """AWS's model of the operation, of the service that signs as `service`."""
    found = codec.operation(_APIS[service].model_name, action)
    if found is None:
        raise LookupError(f"AWS has no operation {service}:{action}")
    return found


def call(service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]:
    """`CallApi` by the operations of the daemon."""
    of = operation_model(service, action)
    tokens = {name: str(uuid4()) for name in of.idempotent_members}  # as an SDK adds them
    try:
        output = operations.current().call(service, action, **{**tokens, **parameters})
    except Exception as refusal:
        codes = [getattr(refusal, name, None) for name in ("error_type", "code")]  # moto's exceptions have either
        code = next((each for each in codes if isinstance(each, str)), None)
        if code is None:
            raise
        raise ApiError(code, str(getattr(refusal, "message", refusal))) from refusal
    return _read(_APIS[service], of, output)


def _read(api: Api, of: OperationModel, output: Mapping[str, Any]) -> Mapping[str, Any]:
    """The output as a client reads it."""
    if not api.handler or of.output_shape is None:
        return output  # it has AWS's names already
    answer = codec.answer(api.protocol, of, output, imports.attribute_names(api.moto, api.handler))
    document = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    found: Mapping[str, Any] = _parser(api.protocol).parse(document, of.output_shape)
    return found


@cache
def _parser(protocol: str) -> Any:
    return create_parser(protocol)
