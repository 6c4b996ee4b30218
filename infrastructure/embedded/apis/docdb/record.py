"""What DocumentDB keeps of clusters and instances, and how it shows them."""

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.control import managed_secrets
from infrastructure.embedded.control.database_clusters import HOST, READER_HOST

ENGINE, VERSION, FAMILY = "docdb", "8.0.2", "docdb8.0"
_SHOWN_ON_CREATION = (
    "BackupRetentionPeriod",
    "DeletionProtection",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "StorageEncrypted",
    "StorageType",
    "CopyTagsToSnapshot",
    "KmsKeyId",
)
_DEFAULTS: Mapping[str, Any] = {
    "BackupRetentionPeriod": 1,
    "DeletionProtection": False,
    "PreferredBackupWindow": "00:00-00:30",
    "PreferredMaintenanceWindow": "sun:04:00-sun:04:30",
    "StorageEncrypted": False,
    "StorageType": "standard",
    "CopyTagsToSnapshot": False,
}

Shown = dict[str, Any]


def now() -> dt.datetime:
    """With its zone, as answers have it."""
    return dt.datetime.now(dt.UTC)


def unique(prefix: str) -> str:
    """A resource id as AWS gives them."""
    return f"{prefix}-{secrets.token_hex(13).upper()}"


@dataclass(slots=True, kw_only=True)
class InstanceRecord:
    """One instance; its state is the controller's to write."""

    id: str
    arn: str
    cluster: str
    given: dict[str, Any]
    zone: str
    tags: dict[str, str]
    resource: str = field(default_factory=lambda: unique("db"))
    status: str = "creating"
    port: int = 0
    """Of its server; 0 until there is one."""
    made: dt.datetime = field(default_factory=now)

    @property
    def filtered_by(self) -> dict[str, tuple[str, ...]]:
        """By the name of a filter what the instance is found by."""
        return {"db-instance-id": (self.id, self.arn), "dbi-resource-id": (self.resource,)}

    @property
    def tier(self) -> int:
        return int(self.given.get("PromotionTier", 1))


@dataclass(slots=True, kw_only=True)
class ClusterRecord:
    """One cluster and its instances, in the order of their creation."""

    id: str
    arn: str
    port: int
    given: dict[str, Any]
    tags: dict[str, str]
    zones: tuple[str, ...]
    groups: tuple[str, ...]
    parameters: str
    username: str
    password: str = field(repr=False)
    secret: managed_secrets.Secret | None = None
    resource: str = field(default_factory=lambda: unique("cluster"))
    status: str = "creating"
    primary: str = ""
    instances: dict[str, InstanceRecord] = field(default_factory=dict)
    made: dt.datetime = field(default_factory=now)

    @property
    def filtered_by(self) -> dict[str, tuple[str, ...]]:
        """By the name of a filter what the cluster is found by, and each of its instances too."""
        return {"engine": (ENGINE,), "db-cluster-id": (self.id, self.arn)}

    def shown(self) -> Shown:
        settings = {name: self.given.get(name, _DEFAULTS.get(name)) for name in _SHOWN_ON_CREATION}
        return {
            "DBClusterIdentifier": self.id,
            "DBClusterArn": self.arn,
            "DbClusterResourceId": self.resource,
            "DBClusterParameterGroup": self.parameters,
            "DBSubnetGroup": self.given.get("DBSubnetGroupName", "default"),
            "Status": self.status,
            "Endpoint": HOST,
            "ReaderEndpoint": READER_HOST,
            "Port": self.port,
            "MultiAZ": len({each.zone for each in self.instances.values()}) > 1,
            "Engine": ENGINE,
            "EngineVersion": VERSION,
            "MasterUsername": self.username,
            "AvailabilityZones": list(self.zones),
            "DBClusterMembers": [self._member(each) for each in self.instances.values()],
            "VpcSecurityGroups": _groups(self.groups),
            "ClusterCreateTime": self.made,
            "EnabledCloudwatchLogsExports": [],
            "AssociatedRoles": [],
            **({"MasterUserSecret": self._secret(self.secret)} if self.secret is not None else {}),
            **{name: value for name, value in settings.items() if value is not None},
        }

    def _member(self, instance: InstanceRecord) -> Shown:
        return {
            "DBInstanceIdentifier": instance.id,
            "IsClusterWriter": instance.id == self.primary,
            "DBClusterParameterGroupStatus": "in-sync",
            "PromotionTier": instance.tier,
        }

    @staticmethod
    def _secret(secret: managed_secrets.Secret) -> Shown:
        return {
            "SecretArn": secret.arn,
            "SecretStatus": managed_secrets.status(secret),
            "KmsKeyId": secret.kms_key_id,
        }

    def shown_instance(self, instance: InstanceRecord, subnet_group: Callable[[str], Shown]) -> Shown:
        """One of its instances; `subnet_group` describes the group of that name."""
        endpoint = {"Endpoint": {"Address": HOST, "Port": instance.port}} if instance.port else {}
        group = self.given.get("DBSubnetGroupName")
        return {
            "DBInstanceIdentifier": instance.id,
            "DBInstanceArn": instance.arn,
            "DbiResourceId": instance.resource,
            "DBInstanceClass": instance.given["DBInstanceClass"],
            "DBClusterIdentifier": self.id,
            "DBInstanceStatus": instance.status,
            "Engine": ENGINE,
            "EngineVersion": VERSION,
            **endpoint,
            "InstanceCreateTime": instance.made,
            "AvailabilityZone": instance.zone,
            "PromotionTier": instance.tier,
            "AutoMinorVersionUpgrade": instance.given.get("AutoMinorVersionUpgrade", True),
            "PreferredMaintenanceWindow": instance.given.get("PreferredMaintenanceWindow", "sun:05:00-sun:05:30"),
            "PubliclyAccessible": False,
            "StorageEncrypted": self.given.get("StorageEncrypted", False),
            "BackupRetentionPeriod": self.given.get("BackupRetentionPeriod", 1),
            "VpcSecurityGroups": _groups(self.groups),
            **({"DBSubnetGroup": subnet_group(group)} if group else {}),
            "PendingModifiedValues": {},
            "CACertificateIdentifier": instance.given.get("CACertificateIdentifier", "rds-ca-rsa2048-g1"),
        }


def _groups(identities: tuple[str, ...]) -> list[Shown]:
    return [{"VpcSecurityGroupId": each, "Status": "active"} for each in identities]
