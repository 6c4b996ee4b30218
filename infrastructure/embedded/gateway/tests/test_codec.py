"""Requests of a REST-JSON API (Lambda's): which operation, with which members; and what its answers look like."""

import json
from typing import Any

import pytest

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.call import Answer, Call, HttpRequest
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.request import call_of, read
from infrastructure.embedded.tests.control import ROUTER, headers_of

FUNCTIONS = "/2015-03-31/functions"


def _request(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Call:
    found = headers_of("lambda") | {name.replace("_", "-"): value for name, value in headers.items()}
    call = call_of(HttpRequest(method=method, path=path, query=query, headers=found, body=body), ROUTER, at=0.0)
    return read(call, call.api, call.operation) if call.api and call.operation else call


def _answer(action: str, output: dict[str, Any]) -> Answer:
    operation = codec.operation("lambda", action)
    assert operation is not None
    return codec.answer("rest-json", operation, output)


@pytest.mark.parametrize(
    ("method", "path", "query", "action", "parameters"),
    [
        pytest.param("GET", f"{FUNCTIONS}/", "", "ListFunctions", {}, id="slash-at-the-end"),
        pytest.param("GET", f"{FUNCTIONS}/pay", "", "GetFunction", {"FunctionName": "pay"}, id="label"),
        pytest.param(
            "GET",
            f"{FUNCTIONS}/123456789012%3Apay/configuration",
            "Qualifier=live",
            "GetFunctionConfiguration",
            {"FunctionName": "123456789012:pay", "Qualifier": "live"},
            id="percent-encoded",
        ),
        pytest.param("GET", f"{FUNCTIONS}", "MaxItems=2", "ListFunctions", {"MaxItems": 2}, id="number"),
        pytest.param(
            "GET",
            "/2018-10-31/layers",
            "find=LayerVersion&Arn=arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Alayer%3Al%3A1",
            "GetLayerVersionByArn",
            {"Arn": "arn:aws:lambda:us-east-1:123456789012:layer:l:1"},
            id="told-apart-by-the-query",
        ),
        pytest.param("GET", "/2018-10-31/layers", "", "ListLayers", {}, id="without-that-query"),
        pytest.param(
            "DELETE",
            "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Apay",
            "tagKeys=a&tagKeys=b",
            "UntagResource",
            {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:pay", "TagKeys": ["a", "b"]},
            id="list-in-the-query",
        ),
    ],
)
def test_an_operation_is_found_by_method_path_and_query(
    method: str, path: str, query: str, action: str, parameters: dict[str, Any]
) -> None:
    found = _request(method, path, query)
    assert (found.action, found.parameters) == (action, parameters)


def test_the_payload_is_the_body_as_it_came_and_the_rest_are_headers() -> None:
    found = _request("POST", f"{FUNCTIONS}/pay/invocations", body=b"not even json", x_amz_log_type="Tail")
    assert found.parameters == {"FunctionName": "pay", "Payload": b"not even json", "LogType": "Tail"}


def test_binary_members_of_the_body_are_decoded() -> None:
    body = b'{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": "UEs="}}'
    assert _request("POST", FUNCTIONS, body=body).typed["Code"] == {"ZipFile": b"PK"}


@pytest.mark.parametrize("path", ["/", "/2015-03-31", f"{FUNCTIONS}/a/b/c", f"{FUNCTIONS}//invocations"])
def test_a_path_of_no_operation_is_none(path: str) -> None:
    assert _request("POST", path).operation is None


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "message"),
    [
        pytest.param("POST", FUNCTIONS, "", b"{", "the body is not JSON", id="no-json"),
        pytest.param("POST", FUNCTIONS, "", b"[]", "not a JSON object", id="no-object"),
        pytest.param(
            "POST",
            FUNCTIONS,
            "",
            b'{"FunctionName": "f"}',
            "Value null at 'role' failed to satisfy constraint: Member must not be null",
            id="missing",
        ),
        pytest.param(
            "POST", FUNCTIONS, "", b'{"FunctionName": 7}', "INT can not be converted to a String", id="wrong-type"
        ),
        pytest.param("POST", FUNCTIONS, "", b'{"Code": {"ZipFile": "*"}}', "code.zipFile: .* a Blob", id="no-base64"),
        pytest.param("GET", FUNCTIONS, "MaxItems=many", b"", "cannot be read", id="no-number"),
    ],
)
def test_wrong_members_are_named(method: str, path: str, query: str, body: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        _request(method, path, query, body)


def test_an_answer_has_its_members_where_the_model_puts_them() -> None:
    output = {"StatusCode": 200, "FunctionError": None, "ExecutedVersion": "3", "Payload": b'{"a": 1}'}
    answer = _answer("Invoke", output)
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers.pop("x-amzn-requestid")
    assert answer.headers == {"content-type": "application/json", "x-amz-executed-version": "3"}


@pytest.mark.parametrize(
    ("action", "output", "status", "body"),
    [
        ("CreateAlias", {"Name": "live", "Description": None}, 201, {"Name": "live"}),
        ("DeleteAlias", {}, 204, None),
        ("DeleteFunction", {"StatusCode": 204}, 204, None),
        ("ListFunctions", {"Functions": []}, 200, {"Functions": []}),
    ],
)
def test_the_status_is_the_operations(action: str, output: dict[str, Any], status: int, body: Any) -> None:
    answer = _answer(action, output)
    assert answer.status == status
    assert (json.loads(answer.body) if answer.body else None) == body
