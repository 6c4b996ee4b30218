"""STS: who a caller is."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="sts",
    moto="sts",
    handler="TokenResponse",
    protocol="query",
    is_global=True,
    absent={"AssumeRoleWithSAML": "InvalidIdentityToken"},
    records={"credentials are not checked": "AssumeRoleWithSAML AssumeRoleWithWebIdentity"},
)
