"""The control plane over HTTP, as SDKs, browsers and strangers meet it."""

import asyncio
import socket
import time

import pytest

from infrastructure.embedded.gateway.call import Answer, Call, Handler, HttpRequest
from infrastructure.embedded.gateway.listener import HttpServer, Message
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.gateway.tests.served_plane import serving
from infrastructure.embedded.tests.control import OPERATOR, REGION, Control, run, table


def test_one_connection_carries_many_calls() -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            for _ in range(3):
                reply = await client.aws("dynamodb", "DynamoDB_20120810.ListTables", {})
                assert (reply.status, reply.json) == (200, {"TableNames": []})

    run(scenario())


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:4566"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::1"},
        {"origin": "http://[::1"},
    ],
    ids=[
        "host",
        "host with port",
        "origin",
        "opaque origin",
        "host that begins well",
        "host without sense",
        "origin without sense",
    ],
)
@pytest.mark.parametrize("path", ["/", "/_cafe/status", "/_cafe/ecs-metadata/v4/"])
def test_a_foreign_host_or_origin_is_refused(path: str, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            assert (await client.ask("GET", path, headers)).status == 403

    run(scenario())


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:99", "[::1]:8", "LOCALHOST"])
def test_this_machines_own_names_are_let_in(host: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            assert (await client.signed("cafe", "GET", "/_cafe/status", {"host": host})).status == 200

    run(scenario())


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("lambda", ""),
        ("dynamodb", "DynamoDB_20120810.NoSuchOperation"),
        ("dynamodb", "DynamoDBStreams_20120810.ListStreams"),
        ("ecs", "AmazonEC2ContainerServiceV20141113.ExecuteCommand"),
    ],
    ids=["unknown API", "unknown operation", "sibling API", "operation moto lacks"],
)
def test_what_is_not_provided_is_refused_by_name_and_not_retried(service: str, target: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await client.aws(service, target, {})
            assert reply.status == 501
            assert f"not provided by the embedded cloud: {service}:" in reply.json["message"]
            assert "PARITY.md" in reply.json["message"]

    run(scenario())


@pytest.mark.parametrize(
    ("service", "version", "action", "text"),
    [
        ("elasticloadbalancing", "2012-06-01", "DescribeLoadBalancers", "<ErrorResponse><Error>"),
        ("cloudformation", "2010-05-15", "DetectStackDrift", "<ErrorResponse><Error>"),
        ("ec2", "2016-11-15", "CreateFpgaImage", "<Response><Errors><Error>"),
    ],
)
def test_a_refusal_has_the_shape_of_its_protocol(service: str, version: str, action: str, text: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            headers = {"content-type": "application/x-www-form-urlencoded"}
            reply = await client.signed(service, "POST", "/", headers, f"Action={action}&Version={version}".encode())
            assert reply.status == 501
            assert reply.body.decode().startswith(text)

    run(scenario())


@pytest.mark.parametrize(
    ("service", "path", "text"),
    [
        ("route53", "/2013-04-01/hostedzone", "<Error><Code>UnsupportedOperation</Code>"),
        ("cloudfront", "/2020-05-31/distribution", "<Error><Code>UnsupportedOperation</Code>"),
        ("eks", "/clusters", '{"message":"not provided by the embedded cloud: eks:'),
        ("nobodys", "/", '{"__type":"UnsupportedOperation"'),
    ],
)
def test_an_api_that_is_not_provided_refuses_in_its_own_protocol(service: str, path: str, text: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await client.signed(service, "GET", path)
            assert reply.status == 501
            assert reply.body.decode().startswith(text), reply.body

    run(scenario())


def test_another_region_is_refused_rather_than_empty() -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await client.aws("dynamodb", "DynamoDB_20120810.ListTables", {}, region="eu-west-1")
            assert (reply.status, reply.json["__type"]) == (403, "UnrecognizedClientException")
            assert REGION in reply.json["message"]

    run(scenario())


@pytest.mark.parametrize(
    ("service", "length", "body", "status", "code"),
    [
        ("ecs", (1 << 20) + 1, b"", 413, "RequestEntityTooLarge"),
        ("dynamodb", (1 << 20) + 1, b"{" * ((1 << 20) + 1), 400, "SerializationException"),
    ],
    ids=["too-long-by-its-header", "allowed-for-batches"],
)
def test_a_body_is_bounded_by_its_api(service: str, length: int, body: bytes, status: int, code: str) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            headers = {"host": "127.0.0.1", "x-amz-target": "DynamoDB_20120810.PutItem"}
            signed = Signer(OPERATOR, service, REGION).sign("POST", "/", headers, body, time.time())
            reply = await client.ask("POST", "/", signed, body, length=length)
            assert (reply.status, reply.json["__type"]) == (status, code)

    run(scenario())


def test_a_header_that_comes_twice_is_a_list() -> None:
    """As it is signed: what a second value would hide was not asked for."""

    async def scenario() -> None:
        async with serving() as (_, client):
            headers = {"host": "127.0.0.1", "x-amz-meta-one": "first,second"}
            await client.signed("s3", "PUT", "/bucket")
            signed = Signer(OPERATOR, "s3", REGION).sign("PUT", "/bucket/key", headers, b"", time.time())
            lines = [f"{name}: {value}" for name, value in signed.items() if name != "x-amz-meta-one"]
            lines += ["x-amz-meta-one: first", "x-amz-meta-one: second", "content-length: 0"]
            head = "\r\n".join(lines)
            assert (await client.send(f"PUT /bucket/key HTTP/1.1\r\n{head}\r\n\r\n".encode())).status == 200
            found = await client.signed("s3", "HEAD", "/bucket/key")
            assert found.headers["x-amz-meta-one"] == "first,second"

    run(scenario())


def test_a_caller_that_goes_away_half_way_is_no_error_of_ours() -> None:
    async def scenario() -> None:
        parts = iter(({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))
        sent: list[Message] = []

        async def receive() -> Message:
            return next(parts)

        async def send(message: Message) -> None:
            sent.append(message)

        async def answer(_request: HttpRequest) -> Answer:
            raise AssertionError("half a request was answered")

        headers = [(b"host", b"127.0.0.1")]
        scope = {"type": "http", "method": "POST", "headers": headers, "raw_path": b"/", "query_string": b""}
        await HttpServer(answer, limit_of=lambda _head: 9)._application(scope, receive, send)
        assert sent == []

    run(scenario())


def test_controllers_hear_of_changes_and_of_nothing_else() -> None:
    async def scenario() -> list[str]:
        changes: list[str] = []
        async with serving(changes) as (_, client):
            orders = table("orders")
            await client.aws("dynamodb", "DynamoDB_20120810.CreateTable", orders)
            await client.aws("dynamodb", "DynamoDB_20120810.CreateTable", orders)
            await client.aws("dynamodb", "DynamoDB_20120810.DescribeTable", {"TableName": "orders"})
            put = {"TableName": "orders", "Item": {"id": {"S": "a"}}}
            await client.aws("dynamodb", "DynamoDB_20120810.PutItem", put)
            await client.aws("dynamodb", "DynamoDB_20120810.DeleteTable", {"TableName": "orders"})
        return changes

    assert run(scenario()) == ["CreateTable", "DeleteTable"]


def test_an_unknown_page_names_the_known_ones() -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await client.page("/_cafe/nothing")
            assert (reply.status, reply.json["pages"]) == (404, ["ecs-metadata/v4/", "status"])
            assert (await client.page("/_cafe/status?name=x")).json == {"name": "x"}

    run(scenario())


def test_an_interceptor_that_fails_costs_its_call_and_no_more() -> None:
    async def broken(call: Call, handle: Handler) -> Answer:
        if call.service == "ecs":
            raise RuntimeError("a defect")
        return await handle(call)

    async def scenario() -> None:
        async with serving(interceptors=(broken,)) as (_, client):
            assert (await client.aws("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", {})).status == 500
            assert (await client.aws("dynamodb", "DynamoDB_20120810.ListTables", {})).status == 200

    run(scenario())


def test_closing_cuts_what_is_open_and_can_be_done_twice() -> None:
    async def scenario() -> None:
        waiting = asyncio.Event()

        async def forever(_call: Call, handle: Handler) -> Answer:
            del handle
            waiting.set()
            await asyncio.Event().wait()
            raise AssertionError("nothing sets it")

        async with serving(interceptors=(forever,)) as (plane, client):
            ask = asyncio.create_task(client.aws("dynamodb", "DynamoDB_20120810.ListTables", {}))
            await waiting.wait()
            await plane.close()
            await plane.close()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await ask

    run(scenario())


def test_a_port_that_is_taken_is_an_error() -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(OSError, match="address already in use"):
                await Control().plane.serve(taken.getsockname()[1])

    run(scenario())


def test_objects_can_be_kept_in_s3() -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            assert (await client.signed("s3", "PUT", "/bucket")).status == 200
            assert (await client.signed("s3", "PUT", "/bucket/a%20key", body=b"value")).status == 200
            assert (await client.signed("s3", "GET", "/bucket/a%20key")).body == b"value"

    run(scenario())


def test_a_head_of_an_object_tells_its_length() -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            await client.signed("s3", "PUT", "/bucket")
            await client.signed("s3", "PUT", "/bucket/key", body=b"value")
            found = await client.signed("s3", "HEAD", "/bucket/key")
            assert (found.status, found.headers["content-length"]) == (200, "5")
            assert (await client.signed("s3", "GET", "/bucket/key")).body == b"value"

    run(scenario())
