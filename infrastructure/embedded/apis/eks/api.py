"""EKS calls on clusters and tags. The records are kept here; the controller follows them.

Source: https://docs.aws.amazon.com/eks/latest/APIReference/
"""

import uuid

from infrastructure.embedded.apis.eks.clusters import Clusters, in_use, invalid
from infrastructure.embedded.apis.eks.record import ADMIN_POLICY, VERSION, ClusterRecord, now
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.gateway.signing import credentials

_SHARED_GROUP = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well"
_SHARED_GROUP += " as any managed workloads."


class EksApi:
    """Answers from `clusters`."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    @operation("CreateCluster", effect="an API server of its own, with controllers, at an endpoint with TLS")
    def create_cluster(self, given: Members) -> Output:
        name, clusters = given["name"], self.clusters
        if name in clusters.all:
            raise in_use(f"Cluster already exists with name: {name}")
        if given.get("version", VERSION) != VERSION:
            raise invalid(f"unsupported Kubernetes version: the embedded cloud has {VERSION}")
        _check_auto_mode(given)
        subnets = clusters.subnets(given["resourcesVpcConfig"].get("subnetIds") or [])
        if len({each.availability_zone for each in subnets}) < 2:
            raise invalid("Subnets specified must be in at least two different AZs")
        clusters.require_role(given["roleArn"])
        made = ClusterRecord(
            name=name,
            arn=clusters.arn("cluster", name),
            given=dict(given),
            vpc=str(subnets[0].vpc_id),
            tags=dict(given.get("tags") or {}),
        )
        made.security_group = self._shared_group(made)
        clusters.all[name] = made
        caller = credentials.caller.get()
        access = given.get("accessConfig") or {}
        if caller is not None and access.get("bootstrapClusterCreatorAdminPermissions", True):
            entry = clusters.add_entry(made, principal_of(caller.principal.arn))
            entry.policies[ADMIN_POLICY] = now()
        return {"cluster": made.shown()}

    def _shared_group(self, made: ClusterRecord) -> str:
        """The security group that EKS makes for the control plane and the nodes of managed groups.

        Source: https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
        """
        name, call = f"eks-cluster-sg-{made.name}-{uuid.uuid4().int % 10**10}", self.clusters.call
        tags = {"Name": name, f"kubernetes.io/cluster/{made.name}": "owned", "aws:eks:cluster-name": made.name}
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        specification = [{"ResourceType": "security-group", "Tags": listed}]
        group = call(
            "ec2",
            "CreateSecurityGroup",
            GroupName=name,
            Description=_SHARED_GROUP,
            VpcId=made.vpc,
            TagSpecifications=specification,
        )
        identity = str(group["GroupId"])
        itself = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": identity}]}
        call("ec2", "AuthorizeSecurityGroupIngress", GroupId=identity, IpPermissions=[itself])
        return identity

    @operation("DescribeCluster")
    def describe_cluster(self, given: Members) -> Output:
        return {"cluster": self.clusters.cluster(given["name"]).shown()}

    @operation("ListClusters")
    def list_clusters(self, _given: Members) -> Output:
        return {"clusters": list(self.clusters.all)}

    @operation("DeleteCluster", effect="its pods' processes end, its API server refuses")
    def delete_cluster(self, given: Members) -> Output:
        found = self.clusters.cluster(given["name"])
        if found.groups:
            raise in_use("Cluster has nodegroups attached")
        found.status = "DELETING"
        return {"cluster": found.shown()}

    # --- tags ---------------------------------------------------------------------------------------------------------

    @operation("ListTagsForResource")
    def list_tags(self, given: Members) -> Output:
        return {"tags": dict(self._tags(given["resourceArn"]))}

    @operation("TagResource", record="tags")
    def tag(self, given: Members) -> Output:
        self._tags(given["resourceArn"]).update(given["tags"])
        return {}

    @operation("UntagResource", record="tags")
    def untag(self, given: Members) -> Output:
        tags = self._tags(given["resourceArn"])
        for key in given["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, arn: str) -> dict[str, str]:
        found = next((tags for each, tags in self.clusters.tagged() if each == arn), None)
        if found is None:
            raise Refused("NotFoundException", "The specified resource could not be found", status=404)
        return found


def _check_auto_mode(given: Members) -> None:
    """All of Auto Mode or none of it. Here its load balancing binds target groups, and it launches no nodes.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-enable-existing.html
    """
    compute = given.get("computeConfig") or {}
    parts = {
        compute.get("enabled", False),
        ((given.get("kubernetesNetworkConfig") or {}).get("elasticLoadBalancing") or {}).get("enabled", False),
        ((given.get("storageConfig") or {}).get("blockStorage") or {}).get("enabled", False),
    }
    if len(parts) > 1:
        raise invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig,"
            " kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled."
        )
    if parts == {True} and given.get("bootstrapSelfManagedAddons", True):
        raise invalid("When Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false")
    if compute.get("nodePools"):
        raise unsupported("node pools of EKS Auto Mode; instances of managed node groups run pods")


def principal_of(arn: str) -> str:
    """The IAM principal behind a caller: of a role's session, the role."""
    if ":assumed-role/" not in arn:
        return arn
    account, role = arn.split(":")[4], arn.split("/")[1]
    return f"arn:aws:iam::{account}:role/{role}"
