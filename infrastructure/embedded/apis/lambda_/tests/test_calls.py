"""The Lambda API as boto3 sees it, with sandboxes that really run."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.apis.lambda_.tests.cloud import Cloud, lambda_cloud
from infrastructure.embedded.engines.functions.report import Report
from infrastructure.embedded.engines.functions.spec import PYTHON
from infrastructure.embedded.gateway import operations
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.tests.control import ACCOUNT, REGION
from infrastructure.embedded.tests.function_world import ECHO, ROLE, zipped
from infrastructure.embedded.tests.passes import reconcile

VERSION = "import os\ndef handle(event, context):\n    return [os.environ['STAGE'], context.function_version]\n"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with lambda_cloud(tmp_path_factory.mktemp("lambda")) as made:
        yield made


def test_a_function_is_created_becomes_active_and_runs(cloud: Cloud) -> None:
    made = cloud.create("first", Timeout=7, MemorySize=192, Environment={"Variables": {"STAGE": "dev"}})
    assert (made["FunctionArn"], made["Version"], made["Timeout"]) == (f"{ARN}:first", "$LATEST", 7)
    cloud.run(lambda: cloud.aws.get_waiter("function_active_v2").wait(FunctionName="first"))
    answer = cloud.invoke("first", {"order": 1}, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["Payload"]) == (200, "$LATEST", {"order": 1})
    assert "FunctionError" not in answer
    report = Report.parse(base64.b64decode(answer["LogResult"]).decode())
    assert report is not None
    assert (report.is_cold, report.memory_mb) == (True, 192)


def test_code_may_come_from_s3(cloud: Cloud) -> None:
    s3 = cloud.world.client("s3")
    cloud.run(lambda: s3.create_bucket(Bucket="artifacts"))
    cloud.run(lambda: s3.put_object(Bucket="artifacts", Key="order.zip", Body=zipped({"app.py": ECHO})))
    where = {"S3Bucket": "artifacts", "S3Key": "order.zip"}
    settings = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handle"}
    cloud.do("create_function", FunctionName="from-s3", Code=where, **settings)
    assert cloud.invoke("from-s3", 5)["Payload"] == 5
    refusal = cloud.refusal("update_function_code", FunctionName="from-s3", **{**where, "S3Key": "nothing.zip"})
    assert refusal == ("InvalidParameterValueException", 400)


def test_an_exception_is_a_function_error_with_its_document(cloud: Cloud) -> None:
    cloud.create("raises", "def handle(event, context):\n    raise KeyError('card')\n")
    answer = cloud.invoke("raises")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == "KeyError"


def test_an_update_of_code_or_configuration_is_in_the_next_invocation_and_old_sandboxes_end(cloud: Cloud) -> None:
    cloud.create("changes", VERSION, Environment={"Variables": {"STAGE": "one"}})
    assert cloud.invoke("changes")["Payload"] == ["one", "$LATEST"]
    before = cloud.processes("changes")
    cloud.do("update_function_configuration", FunctionName="changes", Environment={"Variables": {"STAGE": "two"}})
    assert cloud.invoke("changes")["Payload"] == ["two", "$LATEST"]
    cloud.settle(lambda: not set(before) & set(cloud.processes("changes")))
    cloud.do("update_function_code", FunctionName="changes", ZipFile=zipped({"app.py": ECHO}))
    assert cloud.invoke("changes", 3)["Payload"] == 3


def test_published_versions_stay_as_they_are_and_aliases_choose_among_them(cloud: Cloud) -> None:
    cloud.create("published", VERSION, Environment={"Variables": {"STAGE": "one"}})
    first = cloud.do("publish_version", FunctionName="published")
    again = cloud.do("publish_version", FunctionName="published")
    assert (first["Version"], again["Version"], first["FunctionArn"]) == ("1", "1", f"{ARN}:published:1")
    cloud.do("update_function_configuration", FunctionName="published", Environment={"Variables": {"STAGE": "two"}})
    cloud.do("publish_version", FunctionName="published")
    cloud.do("create_alias", FunctionName="published", Name="live", FunctionVersion="1")
    assert cloud.invoke("published:live")["Payload"] == ["one", "1"]
    cloud.do("update_alias", FunctionName="published", Name="live", FunctionVersion="2")
    answer = cloud.invoke("published", Qualifier="live")
    assert (answer["Payload"], answer["ExecutedVersion"]) == (["two", "2"], "2")
    versions = cloud.do("list_versions_by_function", FunctionName="published")["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]
    assert cloud.refusal("delete_function", FunctionName="published", Qualifier="2") == (
        "ResourceConflictException",
        409,
    )


def test_an_alias_may_send_everything_to_its_second_version(cloud: Cloud) -> None:
    cloud.create("weighted", VERSION, Environment={"Variables": {"STAGE": "x1"}}, Publish=True)
    cloud.do("update_function_configuration", FunctionName="weighted", Environment={"Variables": {"STAGE": "x2"}})
    cloud.do("publish_version", FunctionName="weighted")
    routing = {"AdditionalVersionWeights": {"2": 1.0}}
    cloud.do("create_alias", FunctionName="weighted", Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert cloud.invoke("weighted:live")["Payload"] == ["x2", "2"]


def test_a_layer_is_on_the_import_path(cloud: Cloud) -> None:
    content = {"ZipFile": zipped({"python/rates.py": "VAT = 19"})}
    layer = cloud.do("publish_layer_version", LayerName="rates", Content=content)["LayerVersionArn"]
    code = "import rates\ndef handle(event, context):\n    return rates.VAT\n"
    cloud.create("layered", code, Layers=[layer])
    cloud.do("delete_layer_version", LayerName="rates", VersionNumber=1)
    assert cloud.invoke("layered")["Payload"] == 19
    assert cloud.refusal("get_layer_version_by_arn", Arn=layer) == ("ResourceNotFoundException", 404)
    assert cloud.do("publish_layer_version", LayerName="rates", Content=content)["Version"] == 2


def test_reserved_concurrency_throttles_and_lifts(cloud: Cloud) -> None:
    cloud.create("reserved")
    cloud.do("put_function_concurrency", FunctionName="reserved", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        cloud.invoke("reserved")
    response: Any = refused.value.response  # its type knows no members of one exception alone
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert cloud.do("get_function", FunctionName="reserved")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    cloud.do("delete_function_concurrency", FunctionName="reserved")
    assert cloud.invoke("reserved", 1)["Payload"] == 1


def test_an_event_is_answered_at_once_and_runs_all_the_same(cloud: Cloud, open_folder: Path) -> None:
    done = open_folder / "done"
    cloud.create("event", f"def handle(event, context):\n    open({str(done)!r}, 'w').write(event)\n")
    assert cloud.invoke("event", "captured", InvocationType="Event")["StatusCode"] == 202
    assert cloud.settle(lambda: done.exists() and done.read_text()) == "captured"


def test_a_dry_run_runs_nothing(cloud: Cloud) -> None:
    cloud.create("dry")
    assert cloud.invoke("dry", InvocationType="DryRun")["StatusCode"] == 204
    assert cloud.processes("dry") == []


def test_metrics_are_filed_under_the_functions_name(cloud: Cloud) -> None:
    cloud.create("measured", "def handle(event, context):\n    return 1 // event\n")
    cloud.invoke("measured", 1)
    cloud.invoke("measured", 0)
    cloud.do("put_function_concurrency", FunctionName="measured", ReservedConcurrentExecutions=0)
    assert cloud.refusal("invoke", FunctionName="measured")[0] == "TooManyRequestsException"
    found = [cloud.run(partial(_sum, cloud, name)) for name in ("Invocations", "Errors", "Throttles")]
    assert found == [2.0, 1.0, 1.0]


def _sum(cloud: Cloud, metric: str) -> float:
    points = cloud.world.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": "measured"}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_a_deleted_function_is_gone_with_its_sandboxes(cloud: Cloud) -> None:
    cloud.create("deleted")
    cloud.invoke("deleted")
    cloud.do("delete_function", FunctionName="deleted")
    assert cloud.refusal("get_function", FunctionName="deleted") == ("ResourceNotFoundException", 404)
    cloud.settle(lambda: not cloud.processes("deleted"))


def test_permissions_and_tags_are_read_back(cloud: Cloud) -> None:
    cloud.create("recorded", Tags={"Module": "serverless"})
    permission = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    cloud.do("add_permission", FunctionName="recorded", **permission)
    policy = json.loads(cloud.do("get_policy", FunctionName="recorded")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}
    cloud.do("tag_resource", Resource=f"{ARN}:recorded", Tags={"Owner": "cafe"})
    assert cloud.do("list_tags", Resource=f"{ARN}:recorded")["Tags"] == {"Module": "serverless", "Owner": "cafe"}
    cloud.do("remove_permission", FunctionName="recorded", StatementId="s3")
    assert cloud.refusal("get_policy", FunctionName="recorded")[0] == "ResourceNotFoundException"


def test_a_handler_of_the_catalogue_gets_its_services_edges(cloud: Cloud) -> None:
    code = "import os\ndef handle(event, context):\n    return dict(os.environ)\n"
    archive = {"services/__init__.py": "", "services/payment/__init__.py": "", "services/payment/handler.py": code}
    settings = {"Runtime": PYTHON, "Role": ROLE, "Handler": "services.payment.handler.handle"}
    variables = {"CAFE_AURORA_WRITER_URL": "postgresql://elsewhere", "PAYMENTS_TABLE": "payments-dev"}
    cloud.do(
        "create_function",
        FunctionName="payment-dev",
        Code={"ZipFile": zipped(archive)},
        Environment={"Variables": variables},
        **settings,
    )
    seen = cloud.invoke("payment-dev")["Payload"]
    assert seen["CAFE_AURORA_WRITER_URL"].startswith("postgresql://127.0.0.1:")
    assert seen["PAYMENTS_TABLE"] == "payments-dev"
    issued = cloud.world.context.keyring.find(seen["AWS_ACCESS_KEY_ID"])
    assert issued is not None
    assert issued.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE.rpartition('/')[2]}/payment"
    assert "AWS_ENDPOINT_URL" not in seen
    cloud.create("other", code)
    assert cloud.invoke("other")["Payload"]["AWS_ENDPOINT_URL"] == cloud.world.url


@pytest.mark.parametrize(
    ("action", "parameters", "expected"),
    [
        pytest.param("invoke", {"FunctionName": "no-such"}, ("ResourceNotFoundException", 404), id="unknown"),
        pytest.param(
            "invoke",
            {"FunctionName": "refusing", "Qualifier": "9"},
            ("ResourceNotFoundException", 404),
            id="unknown-version",
        ),
        pytest.param(
            "invoke",
            {"FunctionName": "refusing", "Payload": b"{"},
            ("InvalidRequestContentException", 400),
            id="payload-is-no-json",
        ),
        pytest.param(
            "invoke",
            {"FunctionName": "refusing", "Payload": b'"' + b"x" * 6_291_456 + b'"'},
            ("RequestTooLargeException", 413),
            id="payload-too-large",
        ),
        pytest.param(
            "invoke",
            {"FunctionName": "refusing", "InvocationType": "Event", "Payload": b'"' + b"x" * 1_048_576 + b'"'},
            ("RequestTooLargeException", 413),
            id="event-too-large",
        ),
        *(
            pytest.param(
                "invoke",
                {"FunctionName": "refusing", "ClientContext": base64.b64encode(context).decode()},
                ("InvalidRequestContentException", 400),
                id=name,
            )
            for name, context in {
                "context-is-no-object": b"[1]",
                "context-too-large": b'{"k": "' + b"v" * 2700 + b'"}',
                "context-too-deep": b'{"k": ' + b"[" * 1030 + b"]" * 1030 + b"}",
            }.items()
        ),
        pytest.param(
            "put_function_concurrency",
            {"FunctionName": "refusing", "ReservedConcurrentExecutions": 901},
            ("InvalidParameterValueException", 400),
            id="reserves-too-much",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "Environment": {"Variables": {"AWS_REGION": "mars"}}},
            ("InvalidParameterValueException", 400),
            id="reserved-variable",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "Environment": {"Variables": {"BIG": "x" * 4096}}},
            ("InvalidParameterValueException", 400),
            id="environment-too-large",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "Timeout": 901},
            ("ValidationException", 400),
            id="too-long",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "Runtime": "nodejs22.x"},
            ("InvalidParameterValueException", 400),
            id="other-runtime",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:none:1"]},
            ("InvalidParameterValueException", 400),
            id="unknown-layer",
        ),
        pytest.param(
            "update_function_configuration",
            {"FunctionName": "refusing", "RevisionId": "stale"},
            ("PreconditionFailedException", 412),
            id="stale-revision",
        ),
        pytest.param(
            "update_function_code",
            {"FunctionName": "refusing", "ZipFile": b"no archive"},
            ("InvalidParameterValueException", 400),
            id="no-archive",
        ),
        pytest.param(
            "create_alias",
            {"FunctionName": "refusing", "Name": "live", "FunctionVersion": "7"},
            ("ResourceNotFoundException", 404),
            id="alias-of-no-version",
        ),
        pytest.param(
            "get_function_url_config", {"FunctionName": "refusing"}, ("UnsupportedOperation", 501), id="not-provided"
        ),
    ],
)
def test_a_wrong_call_is_refused_as_aws_does(
    cloud: Cloud, action: str, parameters: dict[str, Any], expected: tuple[str, int]
) -> None:
    if "refusing" not in [each["FunctionName"] for each in cloud.do("list_functions")["Functions"]]:
        cloud.create("refusing")
    assert cloud.refusal(action, **parameters) == expected


def test_a_second_function_of_the_name_is_a_conflict(cloud: Cloud) -> None:
    cloud.create("twice")
    with pytest.raises(ClientError, match="Function already exist: twice"):
        cloud.create("twice")


def test_calls_from_inside_the_daemon_are_answered_at_once(cloud: Cloud) -> None:
    async def call(action: str, **parameters: Any) -> Any:
        return operations.current().call("lambda", action, **parameters)

    cloud.create("inside")
    found = cloud.inside(call("GetFunctionConfiguration", FunctionName="inside", Qualifier=None))
    assert found["Handler"] == "app.handle"
    with pytest.raises(Refused, match="Function not found"):
        cloud.inside(call("DeleteFunction", FunctionName="no-such"))
    with pytest.raises(LookupError, match="cannot be called from inside"):
        cloud.inside(call("Invoke", FunctionName="inside"))


def test_unreferenced_packages_are_removed_from_disk(cloud: Cloud) -> None:
    cloud.create("kept")
    cloud.create("dropped", ECHO + "# of its own\n")
    root = cloud.world.context.state.run / "functions" / "code"
    cloud.settle(lambda: not cloud.world.controller.unsettled())
    before = len(list(root.iterdir()))
    cloud.do("delete_function", FunctionName="dropped")
    cloud.inside(reconcile(cloud.world.controller))
    cloud.settle(lambda: len(list(root.iterdir())) < before)
    assert cloud.invoke("kept", 1)["Payload"] == 1
