"""DocumentDB: clusters of document servers over one shared volume, one primary and its replicas."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="rds",
    model="docdb",
    protocol="query",
    version="2014-10-31",
    engines=frozenset({"docdb"}),
    invalid="InvalidParameterValue",
    missing="MissingParameter",
    kinder={
        "CreateDBInstance": "there in a second; minutes on AWS",
        "FailoverDBCluster": (
            "another is primary in hundredths of a second, mostly under 30 s on AWS; the cluster's and the reader's "
            "name follow at once"
        ),
        "ModifyDBCluster": "a password counts at once",
        "RebootDBInstance": "back in a second",
    },
    note="Calls that name the engine `docdb`, or a cluster, instance or ARN of this API, are answered here; others, "
    "which AWS's two APIs share as well, are RDS' own: subnet groups, cluster parameter groups, and listings "
    "without an identifier, which show the clusters and instances of both, narrowed by the filter `engine`. "
    "Servers are of engine version 8.0.2 and speak without TLS, whatever the parameter `tls` says. The master "
    "user is the only one. What a client greets names members by addresses that lead through the client's own "
    "edge. Transactions, change streams, TTL, text and geospatial indexes, collations, users and roles are "
    "refused by the server; a unique index tells arrays by the whole. Snapshots and global clusters are refused. "
    "The volume outlives every process, not the machine.",
    controller="infrastructure.embedded.apis.docdb.controller:DocumentDbController",
    resources="infrastructure.embedded.apis.docdb.resources",
)
