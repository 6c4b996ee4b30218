"""Redshift Data API: statements that run on the clusters' warehouses, five at a time."""

from infrastructure.embedded.gateway.api import Api, Token, names

_CLIENT_TOKEN = Token(member="ClientToken", kept_s=28_800.0, mismatch="ValidationException")

API = Api(
    name="redshift-data",
    protocol="json",
    target="RedshiftData",
    invalid="ValidationException",
    body_limit=5 << 20,
    data=names("BatchExecuteStatement CancelStatement ExecuteStatement"),
    kinder={"ExecuteStatement": "no connection is made first, which costs tenths of a second on AWS"},
    tokens={"ExecuteStatement": _CLIENT_TOKEN, "BatchExecuteStatement": _CLIENT_TOKEN},
    note="Statements are Redshift's SQL, run by DuckDB. Two transactions that change one row collide at once, without "
    "the second one waiting. COPY and UNLOAD read and write the embedded S3; the role must be the cluster's, what it "
    "may do is not checked. `WithEvent` and serverless workgroups are refused.",
    rules="infrastructure.embedded.apis.redshift_data.rules",
    controller="infrastructure.embedded.apis.redshift_data.controller:RedshiftDataController",
)
