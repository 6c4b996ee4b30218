"""Requests of a REST-JSON API (Lambda's): which operation, with which members; and what its answers look like."""

import json
from typing import Any

import pytest

from infrastructure.embedded.gateway import rest_json
from infrastructure.embedded.gateway.rest_json import Malformed

FUNCTIONS = "/2015-03-31/functions"


def _request(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Any:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return rest_json.request_of("lambda", method=method, path=path, query=query, headers=found, body=body)


@pytest.mark.parametrize(
    ("method", "path", "query", "action", "parameters"),
    [
        pytest.param("GET", f"{FUNCTIONS}/", "", "ListFunctions", {}, id="slash-at-the-end"),
        pytest.param("GET", f"{FUNCTIONS}/pay", "", "GetFunction", {"FunctionName": "pay"}, id="label"),
        pytest.param(
            "GET",
            f"{FUNCTIONS}/arn%3Aaws%3Alambda/configuration",
            "Qualifier=live",
            "GetFunctionConfiguration",
            {"FunctionName": "arn:aws:lambda", "Qualifier": "live"},
            id="percent-encoded",
        ),
        pytest.param("GET", f"{FUNCTIONS}", "MaxItems=2", "ListFunctions", {"MaxItems": 2}, id="number"),
        pytest.param(
            "GET",
            "/2018-10-31/layers",
            "find=LayerVersion&Arn=arn%3Ax",
            "GetLayerVersionByArn",
            {"Arn": "arn:x"},
            id="told-apart-by-the-query",
        ),
        pytest.param("GET", "/2018-10-31/layers", "", "ListLayers", {}, id="without-that-query"),
        pytest.param(
            "DELETE",
            "/2017-03-31/tags/arn",
            "tagKeys=a&tagKeys=b",
            "UntagResource",
            {"Resource": "arn", "TagKeys": ["a", "b"]},
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


def test_binary_members_of_the_body_are_decoded_and_unknown_ones_dropped() -> None:
    body = b'{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": "UEs=", "New": 1}}'
    assert _request("POST", FUNCTIONS, body=body).parameters["Code"] == {"ZipFile": b"PK"}


@pytest.mark.parametrize("path", ["/", "/2015-03-31", f"{FUNCTIONS}/a/b/c", f"{FUNCTIONS}//invocations"])
def test_a_path_of_no_operation_is_none(path: str) -> None:
    assert _request("POST", path) is None


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "message"),
    [
        pytest.param("POST", FUNCTIONS, "", b"{", "Could not parse request body", id="no-json"),
        pytest.param("POST", FUNCTIONS, "", b"[]", "no object", id="no-object"),
        pytest.param("POST", FUNCTIONS, "", b'{"FunctionName": "f"}', "Missing required parameter", id="missing"),
        pytest.param("POST", FUNCTIONS, "", b'{"FunctionName": 7}', "Invalid type", id="wrong-type"),
        pytest.param("POST", FUNCTIONS, "", b'{"Code": {"ZipFile": "*"}}', "not base64", id="no-base64"),
        pytest.param("GET", FUNCTIONS, "MaxItems=many", b"", "'many' is no integer", id="no-number"),
    ],
)
def test_wrong_members_are_named(method: str, path: str, query: str, body: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        _request(method, path, query, body)


def test_an_answer_has_its_members_where_the_model_puts_them() -> None:
    output = {"StatusCode": 200, "FunctionError": None, "ExecutedVersion": "3", "Payload": b'{"a": 1}'}
    answer = rest_json.answer_of("lambda", "Invoke", output)
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
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
    answer = rest_json.answer_of("lambda", action, output)
    assert answer.status == status
    assert (json.loads(answer.body) if answer.body else None) == body
