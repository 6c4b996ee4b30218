"""The tagging API lists what is tagged, whichever back end or controller has it on record."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.kinesis import controller as kinesis
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run

TAGS = {"Project": "cloudcafe"}
KEY, VALUE = "Key", "Value"
GROUP = {
    "DBClusterParameterGroupName": "cafe",
    "DBParameterGroupFamily": "aurora-postgresql16",
    "Description": "x",
    "Tags.Tag.1.Key": "Project",
    "Tags.Tag.1.Value": "cloudcafe",
}
ROLE = {
    "RoleName": "order",
    "AssumeRolePolicyDocument": "{}",
    "Tags.member.1.Key": "Project",
    "Tags.member.1.Value": "cloudcafe",
}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:payment"


@pytest.fixture
def control() -> Control:
    return Control()


def listed(control: Control, **asked: Any) -> dict[str, dict[str, str]]:
    """Tags by what follows the account in the ARN."""
    answer = run(control.ask("tagging", "GetResources", **asked))
    return {
        found["ResourceARN"].split(":", 5)[5]: {tag[KEY]: tag[VALUE] for tag in found["Tags"]}
        for found in answer["ResourceTagMappingList"]
    }


def test_a_record_with_arn_and_tags_is_listed_where_moto_has_no_list(control: Control, tmp_path: Path) -> None:
    kinesis.bind(control.backends.operations, Registry(control.backends.kinesis, tmp_path))
    for name in ("events", "plain"):
        run(control.ask("kinesis", "CreateStream", StreamName=name, ShardCount=1))
    run(control.ask("kinesis", "AddTagsToStream", StreamName="events", Tags=TAGS))
    run(control.answer("rds", "CreateDBClusterParameterGroup", **GROUP))
    assert listed(control) == {"stream/events": TAGS, "cluster-pg:cafe": TAGS}


def test_what_the_tagging_service_keeps_is_listed(control: Control) -> None:
    run(control.ask("ecr", "CreateRepository", repositoryName="order", tags=[{KEY: "Project", VALUE: "cloudcafe"}]))
    assert listed(control) == {"repository/order": TAGS}


def test_a_vpc_endpoint_is_listed_until_it_is_deleted(control: Control) -> None:
    ec2 = control.backends.ec2
    vpc = ec2.create_vpc("10.0.0.0/16")
    endpoint = ec2.create_vpc_endpoint(vpc.id, "com.amazonaws.us-east-1.s3", "Gateway", None, [], tags=TAGS)
    assert listed(control) == {f"vpc-endpoint/{endpoint.id}": TAGS}
    ec2.delete_vpc_endpoints([endpoint.id])
    assert listed(control) == {}


def test_filters_and_types_hold_for_what_a_controller_keeps_itself(control: Control) -> None:
    control.backends.operations.tag(lambda: [(FUNCTION, TAGS)])
    assert listed(control, ResourceTypeFilters=["lambda:function"]) == {"function:payment": TAGS}
    assert listed(control, ResourceTypeFilters=["sqs"]) == {}
    assert listed(control, TagFilters=[{KEY: "Project", "Values": ["other"]}]) == {}


def test_a_role_is_not_listed_as_on_aws(control: Control) -> None:
    assert run(control.answer("iam", "CreateRole", **ROLE)).is_success
    assert listed(control) == {}


def test_a_cache_without_tags_and_its_members_are_not_listed(control: Control) -> None:
    group = {
        "ReplicationGroupId": "cache",
        "ReplicationGroupDescription": "c",
        "Engine": "redis",
        "NumCacheClusters": 2,
    }
    control.backends.operations.moto("elasticache", "CreateReplicationGroup", group)
    assert listed(control) == {}
    run(control.ask("ecr", "CreateRepository", repositoryName="order", tags=[{KEY: "Project", VALUE: "cloudcafe"}]))
    assert listed(control) == {"repository/order": TAGS}


def test_a_key_and_a_value_are_told_once(control: Control) -> None:
    for name in ("order", "payment"):
        run(control.ask("ecr", "CreateRepository", repositoryName=name, tags=[{KEY: "Project", VALUE: "cloudcafe"}]))
    assert run(control.ask("tagging", "GetTagKeys"))["TagKeys"] == ["Project"]
    assert run(control.ask("tagging", "GetTagValues", Key="Project"))["TagValues"] == ["cloudcafe"]
