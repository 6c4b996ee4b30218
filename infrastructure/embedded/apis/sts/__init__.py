"""STS: who a caller is."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="sts",
    moto="sts",
    handler="TokenResponse",
    protocol="query",
    is_global=True,
    note="Roles are assumed by who asks: trust policies, session policies and MFA are not checked. Assertions of other "
    "identity providers are not checked either, so AssumeRoleWithSAML and AssumeRoleWithWebIdentity are refused.",
    refused=frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"}),
    controller="infrastructure.embedded.apis.sts.controller:StsController",
)
