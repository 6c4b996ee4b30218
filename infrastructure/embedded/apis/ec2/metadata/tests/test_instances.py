"""Instances with their metadata: programs of theirs, and AWS's own SDK, ask it over HTTP."""

import asyncio
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import InstanceMetadataFetcher, InstanceMetadataRegionFetcher

from infrastructure.embedded.apis.ec2.tests.test_instances import IMAGE, Instances, platform
from infrastructure.embedded.gateway.refused import Refused

pytestmark = pytest.mark.anyio

WAIT = "#!/bin/sh\nexec sleep 60\n"
ASK = """#!/bin/sh
exec "$CAFE_PYTHON" -c '
import os, urllib.request
at = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
token = urllib.request.urlopen(urllib.request.Request(f"{at}/latest/api/token", method="PUT", headers=ttl)).read()
said = {"X-aws-ec2-metadata-token": token.decode()}
asked = urllib.request.Request(f"{at}/latest/meta-data/instance-id", headers=said)
print("metadata says", urllib.request.urlopen(asked).read().decode(), flush=True)
'
"""


def endpoint(ec2: Instances, instance: str) -> str:
    [process] = [each for each in ec2.machines if each.spec.resource == instance and each.state != "exited"]
    return str(process.spec.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"])


async def status(url: str, **headers: str) -> int:
    def ask() -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310  ours
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    return await asyncio.to_thread(ask)


async def started(ec2: Instances, user_data: str = WAIT, **changes: Any) -> str:
    instance = ec2.run(user_data, **changes)
    await ec2.settle()
    return instance


def with_role(ec2: Instances) -> None:
    """The profile `web`, whose role is `web-role`."""
    iam = ec2.world.backends.iam
    iam.create_role("web-role", "{}", "/", None, "", [], None)
    iam.create_instance_profile(name="web", path="/", role_names=["web-role"])


async def test_a_program_of_the_instance_learns_who_it_is(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = await started(ec2, ASK)
        await ec2.console_says(instance, f"metadata says {instance}")


async def test_awss_sdk_finds_region_and_keys_of_the_role(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        with_role(ec2)
        data = {"ImageId": IMAGE, "InstanceType": "t2.micro", "IamInstanceProfile": {"Name": "web"}}
        ec2.call("CreateLaunchTemplate", LaunchTemplateName="web", LaunchTemplateData=data)
        instance = await started(ec2, LaunchTemplate={"LaunchTemplateName": "web"})
        at = endpoint(ec2, instance)
        region = await asyncio.to_thread(InstanceMetadataRegionFetcher(base_url=at).retrieve_region)
        keys = await asyncio.to_thread(InstanceMetadataFetcher(base_url=at).retrieve_iam_role_credentials)
        assert region == ec2.world.context.region
        assert keys["role_name"] == "web-role"
        issued = ec2.world.context.keyring.find(keys["access_key"])
        assert issued is not None
        assert issued.principal.arn.endswith(f":assumed-role/web-role/{instance}")
        assert issued.credentials.token == keys["token"]


async def test_the_image_asks_for_tokens_and_a_launch_or_its_template_may_not(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        data = {"ImageId": IMAGE, "InstanceType": "t2.micro", "MetadataOptions": {"HttpTokens": "optional"}}
        ec2.call("CreateLaunchTemplate", LaunchTemplateName="lax", LaunchTemplateData=data)
        template = {"LaunchTemplateName": "lax"}
        plain = await started(ec2)
        by_template = await started(ec2, LaunchTemplate=template)
        by_call = await started(ec2, LaunchTemplate=template, MetadataOptions={"HttpTokens": "required"})
        found = [await status(f"{endpoint(ec2, each)}/latest/") for each in (plain, by_template, by_call)]
        assert found == [401, 200, 401]


async def test_a_change_of_options_acts_at_once_and_leaves_the_others(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = await started(
            ec2, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
        )
        url = endpoint(ec2, instance)

        def modify(**options: Any) -> Any:
            answer = ec2.call("ModifyInstanceMetadataOptions", InstanceId=instance, **options)
            return answer["InstanceMetadataOptions"]

        assert modify(HttpTokens="optional")["HttpPutResponseHopLimit"] == 2
        assert await status(f"{url}/latest/meta-data/tags/instance/a") == 404
        assert modify(InstanceMetadataTags="enabled")["HttpTokens"] == "optional"
        assert await status(f"{url}/latest/meta-data/tags/instance/a") == 200
        modify(HttpEndpoint="disabled")
        assert await status(f"{url}/latest/meta-data/tags/instance/a") == 403


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "MissingParameter"),
        ({"HttpTokens": "sometimes"}, "InvalidParameterValue"),
        ({"HttpPutResponseHopLimit": 65}, "InvalidParameterValue"),
        ({"HttpTokens": "optional", "DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
async def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, Any], code: str) -> None:
    async with platform(tmp_path) as ec2:
        instance = ec2.run()
        with pytest.raises(Refused) as refusal:
            ec2.call("ModifyInstanceMetadataOptions", InstanceId=instance, **options)
        assert refusal.value.code == code


async def test_each_instance_is_told_apart_by_where_it_asks(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        first, second = await started(ec2), await started(ec2)
        assert endpoint(ec2, first) != endpoint(ec2, second)

        def token() -> str:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            asked = urllib.request.Request(f"{endpoint(ec2, first)}/latest/api/token", method="PUT", headers=ttl)  # noqa: S310  ours
            with urllib.request.urlopen(asked) as answer:  # noqa: S310  ours
                return str(answer.read().decode())

        said = {"X-aws-ec2-metadata-token": await asyncio.to_thread(token)}
        assert await status(f"{endpoint(ec2, first)}/latest/meta-data/instance-id", **said) == 200
        assert await status(f"{endpoint(ec2, second)}/latest/meta-data/instance-id", **said) == 401


async def test_a_stopped_instance_keeps_its_endpoint_and_a_terminated_one_has_none(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = await started(ec2)
        url = endpoint(ec2, instance)
        ec2.call("StopInstances", InstanceIds=[instance])
        await ec2.settle()
        ec2.call("StartInstances", InstanceIds=[instance])
        await ec2.settle()
        assert endpoint(ec2, instance) == url
        ec2.call("TerminateInstances", InstanceIds=[instance])
        await ec2.settle()
        with pytest.raises(urllib.error.URLError):
            await status(url)


async def test_the_groups_wish_is_told(tmp_path: Path) -> None:
    async with platform(tmp_path) as ec2:
        instance = await started(ec2, MetadataOptions={"HttpTokens": "optional"})
        url = f"{endpoint(ec2, instance)}/latest/meta-data/autoscaling/target-lifecycle-state"
        assert await status(url) == 404
        ec2.world.context.couplings.lifecycle_state = {instance: "Terminated"}.get
        assert await status(url) == 200
