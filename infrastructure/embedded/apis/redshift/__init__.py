"""Redshift: clusters of DuckDB, a process each, whose data outlives it."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="redshift",
    moto="redshift",
    handler="RedshiftResponse",
    protocol="query",
    version="2012-12-01",
    effects={"DescribeClusters": "true states"},
    invalid="InvalidParameterValue",
    missing="MissingParameter",
    reads=names(
        "DescribeClusterParameterGroups DescribeClusterSecurityGroups DescribeClusterSnapshots "
        "DescribeClusterSubnetGroups DescribeClusters DescribeTags"
    ),
    kinder={
        "CreateCluster": "there in a second; minutes on AWS",
        "PauseCluster": "paused in tenths of a second; minutes on AWS",
        "RebootCluster": "back in a second; minutes on AWS",
        "ResumeCluster": "available in a second; minutes on AWS",
    },
    records={
        "servers run with settings of their own": "CreateClusterParameterGroup DeleteClusterParameterGroup",
        "all processes share the loopback interface": (
            "CreateClusterSubnetGroup DeleteClusterSubnetGroup CreateClusterSecurityGroup DeleteClusterSecurityGroup"
        ),
        "nothing is restored from them: snapshots hold no data": "CreateClusterSnapshot DeleteClusterSnapshot",
        "tags": "CreateTags DeleteTags",
    },
    note="A cluster is one DuckDB process, whatever its node type and number of nodes. Statements come by the Data "
    "API; what listens at the endpoint refuses PostgreSQL's protocol.",
    controller="infrastructure.embedded.apis.redshift.controller:RedshiftController",
    rules="infrastructure.embedded.apis.redshift.rules",
    resources="infrastructure.embedded.apis.redshift.resources",
)
