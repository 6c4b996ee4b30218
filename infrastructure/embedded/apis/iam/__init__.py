"""IAM: roles and policies on record."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="iam",
    moto="iam",
    handler="IamResponse",
    protocol="query",
    is_global=True,
    absent={"CreateServiceLinkedRole": "InvalidInput"},
    records={"no call is authorised by roles and policies": "*"},
    note="Roles and policies are records: no call is authorised by them.",
    resources="infrastructure.embedded.apis.iam.resources",
)
