"""Which call an HTTP request is."""

import json
from typing import Any

import pytest

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.request import call_of, read
from infrastructure.embedded.tests.control import ROUTER, headers_of


def _call(service: str, **more: Any) -> Any:
    headers = headers_of(service, caller="order", region="eu-west-1") | more.pop("headers", {})
    request = HttpRequest(
        method=more.get("method", "POST"),
        path=more.get("path", "/"),
        query=more.get("query", ""),
        headers=headers,
        body=more.get("body", b""),
    )
    found = call_of(request, ROUTER, at=1.0)
    return read(found, found.api, found.operation) if found.api and found.operation else found


def test_the_credential_scope_says_who_calls_what_where() -> None:
    found = _call("ECS", headers={"x-amz-target": "AmazonEC2ContainerServiceV20141113.StopTask"}, body=b'{"task": "t"}')
    assert (found.caller, found.region, found.service, found.action) == ("order", "eu-west-1", "ecs", "StopTask")
    assert found.parameters == {"task": "t"}


@pytest.mark.parametrize(
    ("request_", "action", "parameters"),
    [
        (
            {
                "headers": {"content-type": "application/x-www-form-urlencoded"},
                "body": b"Action=ListRoles&Version=2010-05-08&PathPrefix=%2Fa%2F",
            },
            "ListRoles",
            {"PathPrefix": "/a/"},
        ),
        (
            {"method": "GET", "query": "Action=ListRoles&Version=2010-05-08&MaxItems=3"},
            "ListRoles",
            {"MaxItems": 3},
        ),
        ({"headers": {"x-amz-target": "T.Op"}, "body": b"not json"}, "Op", {}),
        ({"headers": {"x-amz-target": "T.Op"}, "body": b"[1]"}, "Op", {}),
        ({"method": "PUT", "path": "/2015-03-31/functions"}, "PUT /2015-03-31/functions", {}),
    ],
    ids=["form", "query", "not json", "no object", "rest"],
)
def test_the_operation_is_found_in_every_protocol(request_: Any, action: str, parameters: Any) -> None:
    found = _call("iam", **request_)
    assert (found.action, found.parameters) == (action, parameters)


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/bucket/key/more", "GetObject"),
        ("PUT", "/bucket", "CreateBucket"),
        ("DELETE", "/bucket/", "DeleteBucket"),
    ],
)
def test_an_s3_call_gets_a_name(method: str, path: str, action: str) -> None:
    assert _call("s3", method=method, path=path).action == action


def test_a_presigned_url_is_signed() -> None:
    scope = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=me%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    query = f"{scope}&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    found = call_of(
        HttpRequest(method="GET", path="/b/k", query=query, headers={"host": "localhost"}, body=b""), ROUTER, at=0.0
    )
    assert (found.caller, found.service) == ("me", "s3")


@pytest.mark.parametrize(
    ("asked", "service", "protocol"),
    [
        ({"headers": {"x-amz-target": "DynamoDB_20120810.ListTables"}}, "dynamodb", "json"),
        ({"headers": {"x-amz-target": "Nobody.Knows"}}, "", "json"),
        ({"headers": {"authorization": "Basic eDp5"}, "query": "Action=ListRoles&Version=2010-05-08"}, "iam", "query"),
        ({"query": "Action=DescribeVpcs&Version=2016-11-15"}, "ec2", "ec2"),
        ({"query": "Action=Nothing&Version=1"}, "", "query"),
        ({"path": "/2015-03-31/functions", "method": "GET"}, "lambda", "rest-json"),
        ({"path": "/bucket/key", "query": "prefix=X-Amz-Credential"}, "s3", "rest-xml"),
        ({"path": "/bucket/key", "headers": {"authorization": "AWS4-HMAC-SHA256 nothing"}}, "s3", "rest-xml"),
    ],
    ids=["target", "unknown target", "version", "EC2", "unknown version", "REST", "S3", "malformed"],
)
def test_a_request_without_a_signature_is_told_by_its_shape(asked: Any, service: str, protocol: str) -> None:
    whole = {"method": "POST", "path": "/", "query": "", "headers": {}, "body": b"", **asked}
    found = call_of(HttpRequest(**whole), ROUTER, at=0.0)
    assert (found.service, found.protocol, found.caller) == (service, protocol, "")


def _form(service: str, version: str, members: str) -> Any:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    found = _call(service, headers=headers, body=f"{members}&Version={version}".encode())
    return found.parameters, found.request.form


@pytest.mark.parametrize(
    ("service", "version", "members", "named"),
    [
        ("ec2", "2016-11-15", "Action=CreateTags&ResourceId.1=vpc-1&Tag.1.Key=team", "Tag.1.Value"),
        ("rds", "2014-10-31", "Action=AddTagsToResource&ResourceName=arn&Tags.Tag.1.Key=team", "Tags.Tag.1.Value"),
        (
            "elasticloadbalancing",
            "2015-12-01",
            "Action=AddTags&ResourceArns.member.1=arn&Tags.member.1.Key=team",
            "Tags.member.1.Value",
        ),
    ],
)
def test_a_tag_without_a_value_has_an_empty_one_in_a_form(service: str, version: str, members: str, named: str) -> None:
    parameters, form = _form(service, version, members)
    assert parameters["Tags"] == [{"Key": "team", "Value": ""}]
    assert form[named] == ""


@pytest.mark.parametrize(
    ("service", "target", "body"),
    [
        ("secretsmanager", "secretsmanager.TagResource", b'{"SecretId": "s", "Tags": [{"Key": "team"}]}'),
        ("memorydb", "AmazonMemoryDB.TagResource", b'{"ResourceArn": "arn", "Tags": [{"Key": "team"}]}'),
    ],
)
def test_a_tag_without_a_value_has_an_empty_one_in_json(service: str, target: str, body: bytes) -> None:
    found = _call(service, headers={"x-amz-target": target}, body=body)
    assert found.parameters["Tags"] == json.loads(found.request.body)["Tags"] == [{"Key": "team", "Value": ""}]


def test_a_tag_that_is_deleted_needs_no_value() -> None:
    """Amazon EC2 API Reference, DeleteTags: without one it is deleted regardless of its value."""
    parameters, _ = _form("ec2", "2016-11-15", "Action=DeleteTags&ResourceId.1=vpc-1&Tag.1.Key=team")
    assert parameters["Tags"] == [{"Key": "team"}]
