"""What no parser would read is found: flat names and texts of the query protocols, elements of an XML document."""

from xml.etree import ElementTree as ET

import pytest

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.checks import forms
from infrastructure.embedded.gateway.errors import error
from infrastructure.embedded.tests.control import call, fresh_backends

fresh_backends()


@pytest.mark.parametrize(
    ("service", "action", "name", "kind"),
    [
        ("ec2", "DescribeVpcs", "Filter.1.Value.2", "string"),
        ("ec2", "DescribeVpcs", "VpcId.1", "string"),
        ("ec2", "DescribeVpcs", "VpcIds.1", None),
        ("ec2", "DescribeVpcs", "Filter.1.Nope", None),
        ("iam", "CreateRole", "Tags.member.1.Key", "string"),
        ("iam", "CreateRole", "Tags.Tag.1.Key", None),
        ("iam", "CreateRole", "Tags.1.Key", None),
        ("rds", "CreateDBCluster", "Tags.Tag.1.Key", "string"),
        ("rds", "CreateDBCluster", "Tags", "list"),
        ("elbv2", "CreateRule", "Conditions.member.1.Values.member.1", "string"),
        ("elbv2", "CreateRule", "Priority", "integer"),
    ],
)
def test_a_flat_name_is_one_that_is_read(service: str, action: str, name: str, kind: str | None) -> None:
    of = codec.operation(service, action)
    assert of is not None
    found = forms.leaf(of.input_shape, name.split("."), is_ec2=service == "ec2")
    assert (found.type_name if found is not None else None) == kind


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", None),
        ('<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet/></Tagging>', None),
        ("<Tagging><TagSet><Nope/></TagSet></Tagging>", "/Tagging/TagSet/Nope is not known"),
        ("<Tagging><TagSet>nope</TagSet></Tagging>", "/Tagging/TagSet is not a list"),
        ("<Tagging>nope</Tagging>", "/Tagging is not a structure"),
        ("<Tagging><TagSet><Tag><Key><a/></Key></Tag></TagSet></Tagging>", "/Tagging/TagSet/Tag/Key is not a string"),
    ],
)
def test_an_element_is_one_that_is_read(document: str, problem: str | None) -> None:
    of = codec.operation("s3", "PutBucketTagging")
    assert of is not None
    assert of.input_shape is not None
    assert next(forms.problems(of.input_shape.members["Tagging"], ET.fromstring(document)), None) == problem  # noqa: S314


def test_an_error_in_xml_can_be_read_whatever_it_repeats() -> None:
    answer = error(call("iam", "GetRole", {"RoleName": "r"}), "ValidationError", "Value '\x07<&é' is none")
    assert ET.fromstring(answer.body).findtext("Error/Message") == "Value '?<&é' is none"  # noqa: S314
