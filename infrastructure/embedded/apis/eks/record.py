"""What is on record: clusters, node groups, access entries, add-ons, identities; and how the API shows them.

Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_Types.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Status = Literal["CREATING", "ACTIVE", "UPDATING", "DELETING", "DEGRADED"]
Part = Literal["profile", "role", "template", "scaling group"]
"""What a node group is made of."""
Shown = dict[str, Any]
VERSION, PLATFORM_VERSION = "1.37", "eks.1"
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
POLICIES = (ADMIN_POLICY, VIEW_POLICY)
IDENTITY_AGENT, INSIGHTS = "eks-pod-identity-agent", "amazon-cloudwatch-observability"
"""Add-ons that something hangs on: the roles of pods, their figures."""


def now() -> datetime:
    """This moment, as records have it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """An instance type: what a node of it has. `pods` is by its network interfaces, as on AWS."""

    vcpu: int
    memory_gib: int
    pods: int


SIZES: Mapping[str, Size] = {
    "t3.small": Size(vcpu=2, memory_gib=2, pods=11),
    "t3.medium": Size(vcpu=2, memory_gib=4, pods=17),
    "t3.large": Size(vcpu=2, memory_gib=8, pods=35),
    "m5.large": Size(vcpu=2, memory_gib=8, pods=29),
    "m5.xlarge": Size(vcpu=4, memory_gib=16, pods=58),
}
"""Source: https://github.com/awslabs/amazon-eks-ami, eni-max-pods.txt"""


@dataclass(slots=True, kw_only=True)
class Update:
    """A change of a node group's settings; it is under way until the group is active again."""

    id: str
    params: list[dict[str, str]]
    is_over: bool = False
    created_at: datetime = field(default_factory=now)

    def shown(self) -> Shown:
        return {
            "id": self.id,
            "status": "Successful" if self.is_over else "InProgress",
            "type": "ConfigUpdate",
            "params": list(self.params),
            "errors": [],
            "createdAt": self.created_at,
        }


@dataclass(slots=True, kw_only=True)
class NodeGroup:
    """A number of nodes of one kind. `id` ends its ARN and the names of what it is made of.

    `issues` are code, message and the resources that each is about.
    """

    name: str
    id: str
    arn: str
    cluster: str
    given: Shown
    scaling: dict[str, int]
    labels: dict[str, str]
    taints: list[dict[str, str]]
    tags: dict[str, str]
    status: Status = "CREATING"
    made: set[Part] = field(default_factory=set)
    """What was made of it: an Auto Scaling group that is gone then has been taken away by somebody else."""
    is_resized: bool = False
    """Whether the Auto Scaling group has yet to hear of its sizes."""
    issues: list[Shown] = field(default_factory=list)
    updates: dict[str, "Update"] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    @property
    def is_made(self) -> bool:
        return "scaling group" in self.made

    @property
    def scaling_group(self) -> str:
        """The name of its Auto Scaling group."""
        return f"eks-{self.name}-{self.id}"

    @property
    def template(self) -> str:
        """The name of its launch template, and of its instance profile."""
        return f"eks-{self.id}"

    @property
    def instance_type(self) -> str:
        return str((self.given.get("instanceTypes") or ["t3.medium"])[0])

    def shown(self) -> Shown:
        return {
            "nodegroupName": self.name,
            "nodegroupArn": self.arn,
            "clusterName": self.cluster,
            "version": VERSION,
            "releaseVersion": f"{VERSION}.1-20261101",
            "createdAt": self.created_at,
            "modifiedAt": self.created_at,
            "status": self.status,
            "capacityType": self.given.get("capacityType", "ON_DEMAND"),
            "scalingConfig": dict(self.scaling),
            "instanceTypes": [self.instance_type],
            "subnets": list(self.given["subnets"]),
            "amiType": self.given.get("amiType", "AL2023_x86_64_STANDARD"),
            "nodeRole": self.given["nodeRole"],
            "labels": dict(self.labels),
            "taints": list(self.taints),
            "diskSize": self.given.get("diskSize", 20),
            "resources": {"autoScalingGroups": [{"name": self.scaling_group}] if self.is_made else []},
            "health": {"issues": list(self.issues)},
            "updateConfig": self.given.get("updateConfig") or {"maxUnavailable": 1},
            "tags": dict(self.tags),
        }


@dataclass(slots=True, kw_only=True)
class AccessEntry:
    """Whom the cluster knows an IAM principal as."""

    principal: str
    arn: str
    cluster: str
    user: str
    groups: list[str] = field(default_factory=list)
    kind: str = "STANDARD"
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, datetime] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    def shown(self) -> Shown:
        return {
            "clusterName": self.cluster,
            "principalArn": self.principal,
            "kubernetesGroups": list(self.groups),
            "accessEntryArn": self.arn,
            "createdAt": self.created_at,
            "modifiedAt": self.created_at,
            "tags": dict(self.tags),
            "username": self.user,
            "type": self.kind,
        }


@dataclass(slots=True, kw_only=True)
class Addon:
    """An add-on that somebody asked for."""

    name: str
    arn: str
    cluster: str
    version: str
    tags: dict[str, str]
    created_at: datetime = field(default_factory=now)

    def shown(self, status: str = "ACTIVE") -> Shown:
        return {
            "addonName": self.name,
            "clusterName": self.cluster,
            "status": status,
            "addonVersion": self.version,
            "health": {"issues": []},
            "addonArn": self.arn,
            "createdAt": self.created_at,
            "modifiedAt": self.created_at,
            "tags": dict(self.tags),
        }


@dataclass(slots=True, kw_only=True)
class Association:
    """The role that the pods of a service account run in."""

    id: str
    arn: str
    cluster: str
    namespace: str
    account: str
    role: str
    has_session_tags: bool
    tags: dict[str, str]
    created_at: datetime = field(default_factory=now)
    modified_at: datetime = field(default_factory=now)

    def shown(self) -> Shown:
        return {
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.account,
            "roleArn": self.role,
            "associationArn": self.arn,
            "associationId": self.id,
            "tags": dict(self.tags),
            "createdAt": self.created_at,
            "modifiedAt": self.modified_at,
            "disableSessionTags": not self.has_session_tags,
        }


@dataclass(slots=True, kw_only=True)
class ClusterRecord:
    """A cluster. `endpoint` and `authority` (base64 of PEM) are empty until its API server serves.

    `security_group` is the one that EKS makes, of its nodes too.
    """

    name: str
    arn: str
    given: Shown
    vpc: str
    tags: dict[str, str]
    security_group: str = ""
    status: Status = "CREATING"
    endpoint: str = ""
    authority: str = ""
    groups: dict[str, NodeGroup] = field(default_factory=dict)
    entries: dict[str, AccessEntry] = field(default_factory=dict)
    addons: dict[str, Addon] = field(default_factory=dict)
    associations: dict[str, Association] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    def association(self, namespace: str, account: str) -> Association | None:
        """That of a service account; None without one."""
        found = self.associations.values()
        return next((each for each in found if (each.namespace, each.account) == (namespace, account)), None)

    @property
    def is_balancing(self) -> bool:
        """Whether Auto Mode's load balancing is on."""
        return bool(
            ((self.given.get("kubernetesNetworkConfig") or {}).get("elasticLoadBalancing") or {}).get("enabled")
        )

    def shown(self) -> Shown:
        vpc = self.given["resourcesVpcConfig"]
        reached = {"endpoint": self.endpoint, "certificateAuthority": {"data": self.authority}} if self.endpoint else {}
        return {
            "name": self.name,
            "arn": self.arn,
            "createdAt": self.created_at,
            "version": VERSION,
            **reached,
            "roleArn": self.given["roleArn"],
            "resourcesVpcConfig": {
                "subnetIds": list(vpc.get("subnetIds") or []),
                "securityGroupIds": list(vpc.get("securityGroupIds") or []),
                "clusterSecurityGroupId": self.security_group,
                "vpcId": self.vpc,
                "endpointPublicAccess": vpc.get("endpointPublicAccess", True),
                "endpointPrivateAccess": vpc.get("endpointPrivateAccess", False),
                "publicAccessCidrs": list(vpc.get("publicAccessCidrs") or ["0.0.0.0/0"]),
            },
            "kubernetesNetworkConfig": {
                "serviceIpv4Cidr": "127.96.0.0/11",
                "ipFamily": "ipv4",
                "elasticLoadBalancing": {"enabled": self.is_balancing},
            },
            "computeConfig": {"enabled": self.is_balancing},
            "storageConfig": {"blockStorage": {"enabled": self.is_balancing}},
            "logging": self.given.get("logging") or {"clusterLogging": []},
            "status": self.status,
            "platformVersion": PLATFORM_VERSION,
            "tags": dict(self.tags),
            "accessConfig": {"authenticationMode": "API"},
        }
