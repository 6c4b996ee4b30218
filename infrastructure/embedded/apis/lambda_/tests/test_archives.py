"""Where a package can be fetched: as it was uploaded, by whoever has the URL, for ten minutes."""

import hashlib
import http.client
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infrastructure.embedded.apis.lambda_.archives import Archives
from infrastructure.embedded.apis.lambda_.tests.cloud import Cloud, lambda_cloud
from infrastructure.embedded.gateway.pages import REST
from infrastructure.embedded.tests.function_world import zipped

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with lambda_cloud(tmp_path_factory.mktemp("archives")) as made:
        yield made


def _fetched(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=5)) as connection:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_functions_package_can_be_fetched_as_it_was_uploaded(cloud: Cloud) -> None:
    cloud.create("packaged")
    cloud.run(lambda: cloud.aws.get_waiter("function_active_v2").wait(FunctionName="packaged"))
    found = cloud.do("get_function", FunctionName="packaged")
    status, body = cloud.run(lambda: _fetched(found["Code"]["Location"]))
    assert status == 200
    assert b64encode(hashlib.sha256(body).digest()).decode() == found["Configuration"]["CodeSha256"]
    status, _ = cloud.run(lambda: _fetched(found["Code"]["Location"] + "x"))
    assert status == 403


def test_a_layers_package_can_be_fetched_too(cloud: Cloud) -> None:
    archive = zipped({"python/extra.py": "WORD = 'layer'"})
    made = cloud.do("publish_layer_version", LayerName="extra", Content={"ZipFile": archive})
    cloud.create("layered", Layers=[made["LayerVersionArn"]])
    cloud.run(lambda: cloud.aws.get_waiter("function_active_v2").wait(FunctionName="layered"))
    url = cloud.do("get_layer_version", LayerName="extra", VersionNumber=made["Version"])["Content"]["Location"]
    assert cloud.run(lambda: _fetched(url)) == (200, archive)


def test_no_function_has_a_configuration_of_signing(cloud: Cloud) -> None:
    cloud.create("unsigned")
    found = cloud.do("get_function_code_signing_config", FunctionName="unsigned")
    assert (found["FunctionName"], found["CodeSigningConfigArn"]) == ("unsigned", "")
    refusal = cloud.refusal("get_function_code_signing_config", FunctionName="nah")
    assert refusal == ("ResourceNotFoundException", 404)


async def test_a_url_holds_for_ten_minutes(tmp_path: Path) -> None:
    now = [1000.0]
    archives, archive = Archives("http://127.0.0.1:1", lambda: now[0]), tmp_path / "code.zip"
    token = archives.location(archive).rpartition("/")[2]
    assert (await archives.page({REST: token})).status == 404
    archive.write_bytes(b"zip")
    now[0] += 599.0
    answer = await archives.page({REST: token})
    assert (answer.status, answer.body) == (200, b"zip")
    now[0] += 1.0
    assert (await archives.page({REST: token})).status == 403
