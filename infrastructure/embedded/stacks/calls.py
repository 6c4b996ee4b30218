"""The one seam between CloudFormation and the AWS APIs: a signing name, an action and its members in, the output's out.

Nothing of a resource type knows what lies behind it. A request is written as an SDK would write it and answered by
whoever answers the operation, so that what comes out has AWS's own member names.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import uuid4

from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from infrastructure.embedded.gateway import codec, operations
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call, HttpRequest
from infrastructure.embedded.gateway.checks import rules
from infrastructure.embedded.moto import answers, direct
from infrastructure.embedded.stacks.errors import ApiError, Refused


class CallApi(Protocol):
    """Makes one call; parameters that are None are left out. `ApiError` is the API's refusal."""

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]: ...


def service_model(service: str) -> ServiceModel:
    """AWS's model of the service that signs as `service`; moto has loaded it, or will."""
    model: ServiceModel = codec.model(_api(service).model_name)
    return model


def _api(service: str) -> Api:
    api = operations.current().api(service)
    if api is None:
        raise Refused(f"the embedded cloud does not provide {service}")
    return api


class ApiCalls:
    """`CallApi` for calls in one region."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        api, operation = _api(service), service_model(service).operation_model(action)
        serializer, parser = _codec(api.protocol)
        tokens = {name: str(uuid4()) for name in operation.idempotent_members}  # as an SDK adds them
        members = {**tokens, **given}
        call = self._call(api, operation, members, serializer.serialize_to_request(members, operation))
        answer = _answer(call)
        document = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        output: dict[str, Any] = parser.parse(document, operation.output_shape)
        if not answer.is_success:
            raise ApiError(output["Error"]["Code"], output["Error"]["Message"])
        if call.is_mutation:
            operations.current().changed(service, action)
        return output

    def _call(self, api: Api, operation: OperationModel, members: dict[str, Any], request: Mapping[str, Any]) -> Call:
        path, _, fixed = request["url_path"].partition("?")
        query = "&".join(part for part in (fixed, urlencode(request["query_string"])) if part)
        body = urlencode(request["body"]) if isinstance(request["body"], dict) else request["body"]
        scope = f"cloudformation/20260101/{self._region}/{api.name}/aws4_request"
        headers = {
            **{name.lower(): str(value) for name, value in request["headers"].items()},
            "host": f"{api.name}.{self._region}.amazonaws.com",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        body = body if isinstance(body, bytes) else body.encode()
        return Call(
            service=api.name,
            action=operation.name,
            region=self._region,
            caller="cloudformation",
            parameters=members,
            request=HttpRequest(method=request["method"], path=path, query=query, headers=headers, body=body),
            protocol=api.protocol,
            api=api,
            operation=operation,
            at=time.time(),
        )


def _answer(call: Call) -> Answer:
    """Our own answer, or moto's; a refusal is one too."""
    method = operations.current().find(call.api.key, call.action) if call.api is not None else None
    try:
        if call.api is not None:
            rules.check(call.api, call.action, call.parameters)
        if method is None:
            return answers.of_moto(call)
        output: Any = method(call.parameters)
        return answers.of_output(call, output)
    except Exception as failure:  # noqa: BLE001  # whatever it is must become an answer of the service's protocol
        return direct.failed(call, failure)


@cache
def _codec(protocol: str) -> tuple[Any, Any]:
    return create_serializer(protocol, include_validation=False), create_parser(protocol)
