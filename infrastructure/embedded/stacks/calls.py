"""The one seam between CloudFormation and the AWS APIs: a signing name, an action and its members in, the output's out.

Nothing of a resource type knows what lies behind it. Today a request is written as an SDK would write it and answered
by moto, so that what comes out has AWS's own member names; what a controller keeps itself it answers by `internal`.
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

from infrastructure.embedded.gateway import internal
from infrastructure.embedded.gateway.call import Call
from infrastructure.embedded.gateway.providers import Api, api_of
from infrastructure.embedded.moto import direct, wsgi
from infrastructure.embedded.stacks.errors import ApiError, Refused

_MODELS: Mapping[str, str] = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
"""SDK names of the services that are signed by another one."""


class CallApi(Protocol):
    """Makes one call; parameters that are None are left out. `ApiError` is the API's refusal."""

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]: ...


def service_model(service: str) -> ServiceModel:
    """AWS's model of the service that signs as `service`; moto has loaded it, or will."""
    from moto.core.utils import get_service_model  # moto is imported as late as possible

    model: ServiceModel = get_service_model(_MODELS.get(service, service))
    return model


class ApiCalls:
    """`CallApi` for one account's calls in one region."""

    def __init__(self, region: str) -> None:
        self._region = region

    def __call__(self, service: str, action: str, /, **parameters: Any) -> Mapping[str, Any]:
        given = {name: value for name, value in parameters.items() if value is not None}
        api = api_of(service)
        if api is None:
            raise Refused(f"the embedded cloud does not provide {service}:{action}")
        return self._moto(api, action, given) if api.moto else _native(service, action, given)

    def _moto(self, api: Api, action: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        operation = service_model(api.name).operation_model(action)
        serializer, parser = _codec(api.protocol)
        tokens = {name: str(uuid4()) for name in operation.idempotent_members}  # as an SDK adds them
        call = self._request(api, operation, serializer.serialize_to_request({**tokens, **given}, operation))
        answer = direct.answer(api, call) if api.handler else wsgi.answer(api, call)
        document = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        output: dict[str, Any] = parser.parse(document, operation.output_shape)
        if not answer.is_success:
            raise ApiError(output["Error"]["Code"], output["Error"]["Message"])
        return output

    def _request(self, api: Api, operation: OperationModel, request: Mapping[str, Any]) -> Call:
        path, _, fixed = request["url_path"].partition("?")
        query = "&".join(part for part in (fixed, urlencode(request["query_string"])) if part)
        body = urlencode(request["body"]) if isinstance(request["body"], dict) else request["body"]
        scope = f"cloudformation/20260101/{self._region}/{api.name}/aws4_request"
        headers = {name.lower(): str(value) for name, value in request["headers"].items()}
        return Call(
            service=api.name,
            action=operation.name,
            region=self._region,
            caller="cloudformation",
            parameters={},
            method=request["method"],
            path=path,
            query=query,
            headers={
                **headers,
                "host": f"{api.name}.{self._region}.amazonaws.com",
                "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            },
            body=body if isinstance(body, bytes) else body.encode(),
            at=time.time(),
        )


@cache
def _codec(protocol: str) -> tuple[Any, Any]:
    return create_serializer(protocol, include_validation=False), create_parser(protocol)


def _native(service: str, action: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return internal.call(service, action, **given)
    except Exception as refusal:
        if isinstance(code := getattr(refusal, "code", None), str):
            raise ApiError(code, str(refusal)) from refusal
        raise
