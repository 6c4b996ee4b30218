"""RDS's clusters and DocumentDB's are listed together, whichever client asks: AWS has one control plane for both."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.apis.docdb.api import ClusterCalls
from infrastructure.embedded.apis.docdb.instances import InstanceCalls
from infrastructure.embedded.apis.rds.api import RdsCalls
from infrastructure.embedded.tests.control import Control
from infrastructure.embedded.tests.in_process import Clients

USER = {"MasterUsername": "cafe", "MasterUserPassword": "correct-horse"}
CLASS = {"DBInstanceClass": "db.t4g.medium"}
AURORA, DOCUMENTS = "aurora-postgresql", "docdb"
BOTH = {AURORA: "orders", DOCUMENTS: "menu"}
"""By engine the cluster of it; each has one instance."""


@pytest.fixture
def clients() -> Iterator[Clients]:
    control, ports = Control(), iter(range(50_000, 60_000))
    operations, backends = control.backends.operations, control.backends
    operations.bind("rds", RdsCalls(backends, ports.__next__))
    documents = ClusterCalls(backends, ports.__next__)
    operations.bind("docdb", documents, InstanceCalls(documents.records, backends.rds))
    made = Clients(control.plane)
    for engine, name in BOTH.items():
        client = made.client("docdb" if engine == DOCUMENTS else "rds")
        client.create_db_cluster(DBClusterIdentifier=name, Engine=engine, **USER)
        one = {"DBInstanceIdentifier": f"{name}-1", "DBClusterIdentifier": name, "Engine": engine, **CLASS}
        operations.call("docdb" if engine == DOCUMENTS else "rds", "CreateDBInstance", **one)
    yield made
    made.close()


def _filter(name: str, *values: str) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": list(values)}]}


@pytest.mark.parametrize("service", ["rds", "docdb"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["orders", "menu"]),
        (_filter("engine", "docdb"), ["menu"]),
        (_filter("engine", "aurora-postgresql"), ["orders"]),
        (_filter("engine", "docdb", "aurora-postgresql"), ["orders", "menu"]),
        (_filter("engine", "neptune"), []),
        (_filter("db-cluster-id", "Menu"), ["menu"]),
        (_filter("db-cluster-id", "orders", "menu"), ["orders", "menu"]),
        ({"DBClusterIdentifier": "orders"}, ["orders"]),
    ],
    ids=["all", "one engine", "another engine", "both engines", "no such engine", "one", "two", "by its name"],
)
def test_clusters_of_both_are_listed(
    clients: Clients, service: str, given: dict[str, Any], expected: list[str]
) -> None:
    found = clients.client(service).describe_db_clusters(**given)["DBClusters"]
    assert [each["DBClusterIdentifier"] for each in found] == expected
    assert [BOTH[each["Engine"]] for each in found] == expected
    for each in found:
        assert (each["Status"], each["Endpoint"], each["MasterUsername"]) == ("creating", "127.0.0.1", "cafe")
        assert [member["DBInstanceIdentifier"] for member in each["DBClusterMembers"]] == [
            f"{each['DBClusterIdentifier']}-1"
        ]


@pytest.mark.parametrize("service", ["rds", "docdb"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["orders-1", "menu-1"]),
        (_filter("engine", "docdb"), ["menu-1"]),
        (_filter("db-cluster-id", "menu"), ["menu-1"]),
        (_filter("db-instance-id", "menu-1", "orders-1"), ["orders-1", "menu-1"]),
        (_filter("dbi-resource-id", "db-none"), []),
        ({"DBInstanceIdentifier": "orders-1"}, ["orders-1"]),
    ],
    ids=["all", "one engine", "of a cluster", "two", "none", "by its name"],
)
def test_instances_of_both_are_listed(
    clients: Clients, service: str, given: dict[str, Any], expected: list[str]
) -> None:
    found = clients.client(service).describe_db_instances(**given)["DBInstances"]
    assert [each["DBInstanceIdentifier"] for each in found] == expected
    assert {each["DBInstanceStatus"] for each in found} <= {"creating"}


def test_a_listing_has_pages(clients: Clients) -> None:
    client = clients.client("rds")
    for number in range(24):
        client.create_db_cluster(DBClusterIdentifier=f"more-{number}", Engine=AURORA, **USER)
    first = client.describe_db_clusters(MaxRecords=20)
    rest = client.describe_db_clusters(MaxRecords=20, Marker=first["Marker"])
    assert (len(first["DBClusters"]), len(rest["DBClusters"]), "Marker" in rest) == (20, 6, False)
    listed = [each["DBClusterIdentifier"] for page in (first, rest) for each in page["DBClusters"]]
    assert (len(set(listed)), listed[-1]) == (26, "menu")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Marker": "nope"}, "InvalidParameterValue"),
        ({"MaxRecords": 5}, "InvalidParameterValue"),
        (_filter("colour", "red"), "InvalidParameterValue"),
        ({"DBClusterIdentifier": "lost"}, "DBClusterNotFoundFault"),
    ],
    ids=["marker", "too small a page", "filter", "no such cluster"],
)
def test_a_listing_that_cannot_be_is_refused(clients: Clients, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        clients.client("rds").describe_db_clusters(**given)
    assert refused.value.response["Error"]["Code"] == code


def test_only_the_engine_that_a_call_names_tells_whose_it_is(clients: Clients) -> None:
    tags = [{"Key": "engine", "Value": "docdb"}]
    given = {"DBClusterIdentifier": "tagged", "Engine": AURORA, "DatabaseName": "docdb", "Tags": tags, **USER}
    assert clients.client("rds").create_db_cluster(**given)["DBCluster"]["Engine"] == AURORA
