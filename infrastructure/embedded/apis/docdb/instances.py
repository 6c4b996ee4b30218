"""DocumentDB calls about instances, and about tags; the controller follows the records."""

import re
from collections import Counter
from typing import Any

from infrastructure.embedded.apis.docdb import checks
from infrastructure.embedded.apis.docdb.record import ENGINE, InstanceRecord, Shown
from infrastructure.embedded.apis.docdb.registry import Registry
from infrastructure.embedded.control.database_clusters import identifier, invalid
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

_CLASS = re.compile(r"db\.[a-z0-9]+\.[a-z0-9]+")


class InstanceCalls:
    """Answers from `records`; `rds` is the back end that has the subnet groups, moto's."""

    def __init__(self, records: Registry, rds: Any) -> None:
        self.records = records
        self._rds = rds

    def _shown_subnet_group(self, name: str) -> Shown:
        found = self._rds.subnet_groups[name]
        return {
            "DBSubnetGroupName": found.name,
            "DBSubnetGroupDescription": found.description,
            "VpcId": found.vpc_id,
            "SubnetGroupStatus": "Complete",
            "Subnets": found.subnets,
            "DBSubnetGroupArn": found.arn,
        }

    # --- instances ----------------------------------------------------------------------------------------------------

    @operation("CreateDBInstance", effect="a document server on the cluster's volume, the first as primary")
    def create_instance(self, given: Members) -> Output:
        identity = identifier(given, "DBInstanceIdentifier")
        cluster = self.records.cluster(given)
        if given["Engine"] != ENGINE:
            text = (
                f"The engine name requested for your DB instance ({given['Engine']}) doesn't match the engine name of"
            )
            raise invalid(f"{text} your DB cluster ({ENGINE}).")
        if not _CLASS.fullmatch(given["DBInstanceClass"]):
            raise invalid(f"Invalid DB Instance class: {given['DBInstanceClass']}")
        if identity in self._rds.databases or identity in {each.id for _, each in self.records.instances()}:
            raise Refused("DBInstanceAlreadyExists", "DB Instance already exists")
        if given.get("AvailabilityZone") not in (None, *cluster.zones):
            raise Refused("InvalidVPCNetworkStateFault", f"{given['AvailabilityZone']} is no zone of the subnet group")
        used = Counter(each.zone for each in cluster.instances.values())
        made = InstanceRecord(
            id=identity,
            arn=f"{self.records.prefix}db:{identity}",
            cluster=cluster.id,
            given=dict(given),
            zone=given.get("AvailabilityZone") or min(cluster.zones, key=lambda zone: (used[zone], zone)),
            tags=checks.tags(given),
        )
        cluster.instances[identity] = made
        return {"DBInstance": cluster.shown_instance(made, self._shown_subnet_group)}

    @operation("DescribeDBInstances", effect="true states; each instance's own endpoint")
    def describe_instances(self, given: Members) -> Output:
        found = [self.records.instance(given)] if given.get("DBInstanceIdentifier") else list(self.records.instances())
        wanted = checks.filters(given, "engine", "db-cluster-id", "db-instance-id", "dbi-resource-id")
        shown = [
            cluster.shown_instance(each, self._shown_subnet_group)
            for cluster, each in found
            if checks.fits(wanted, {**cluster.filtered_by, **each.filtered_by})
        ]
        return {"DBInstances": shown}

    @operation("ModifyDBInstance", effect="its settings; the server stays as it is")
    def modify_instance(self, given: Members) -> Output:
        cluster, instance = self.records.instance(given)
        if given.get("NewDBInstanceIdentifier"):
            raise unsupported("another name for an instance, which its server carries")
        changed = {
            name: value for name, value in given.items() if name not in ("DBInstanceIdentifier", "ApplyImmediately")
        }
        instance.given.update(changed)
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    @operation("DeleteDBInstance", effect="its server ends; a replica takes over from a primary")
    def delete_instance(self, given: Members) -> Output:
        cluster, instance = self.records.instance(given)
        instance.status = "deleting"
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    @operation("RebootDBInstance", effect="the server restarts; with ForceFailover another is primary then")
    def reboot_instance(self, given: Members) -> Output:
        cluster, instance = self.records.instance(given)
        if instance.status != "available":
            raise Refused("InvalidDBInstanceState", f"DB instance {instance.id} is {instance.status}, not available")
        if given.get("ForceFailover"):
            raise unsupported("a reboot with a failover; FailoverDBCluster does it")
        instance.status = "rebooting"
        self.records.reboots.add(instance.id)
        return {"DBInstance": cluster.shown_instance(instance, self._shown_subnet_group)}

    # --- tags ---------------------------------------------------------------------------------------------------------

    @operation("ListTagsForResource")
    def list_tags(self, given: Members) -> Output:
        return {"TagList": [{"Key": key, "Value": value} for key, value in self._tags_of(given).items()]}

    @operation("AddTagsToResource", record="tags")
    def add_tags(self, given: Members) -> None:
        self._tags_of(given).update(checks.tags(given))

    @operation("RemoveTagsFromResource", record="tags")
    def remove_tags(self, given: Members) -> None:
        tags = self._tags_of(given)
        for key in given["TagKeys"]:
            tags.pop(key, None)

    def _tags_of(self, given: Members) -> dict[str, str]:
        found = self.records.tags().get(given["ResourceName"])
        if found is None:
            raise Refused(
                "DBInstanceNotFound",
                f"The specified resource name does not match an RDS resource: {given['ResourceName']}",
                status=404,
            )
        return found
