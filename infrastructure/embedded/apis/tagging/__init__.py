"""Resource Groups Tagging: the tags of all APIs in one place."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="tagging",
    model="resourcegroupstaggingapi",
    moto="resourcegroupstaggingapi",
    handler="ResourceGroupsTaggingAPIResponse",
    protocol="json",
    target="ResourceGroupsTaggingAPI_20170126",
    invalid="InvalidParameterException",
    records={"tags": "TagResources UntagResources"},
)
