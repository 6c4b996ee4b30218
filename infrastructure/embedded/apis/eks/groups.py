"""EKS calls on managed node groups.

Source: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
"""

import uuid
from collections.abc import Mapping

from infrastructure.embedded.apis.eks.clusters import Clusters, in_use, invalid
from infrastructure.embedded.apis.eks.record import SIZES, NodeGroup, now
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported

_NOT_HERE = ("launchTemplate", "remoteAccess", "nodeRepairConfig", "warmPoolConfig")
_FIRST = {"minSize": 1, "maxSize": 2, "desiredSize": 2}


class NodeGroupCalls:
    """Answers from `clusters`."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    @operation("CreateNodegroup", effect="an Auto Scaling group, whose instances are nodes that take pods")
    def create_group(self, given: Members) -> Output:
        cluster, name = self.clusters.active(given["clusterName"]), given["nodegroupName"]
        if name in cluster.groups:
            raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.name}")
        for each in _NOT_HERE:
            if given.get(each):
                raise unsupported(f"a node group with {each}")
        if len(given.get("instanceTypes") or [""]) > 1:
            raise unsupported("a node group of more than one instance type")
        if given.get("capacityType", "ON_DEMAND") != "ON_DEMAND":
            raise unsupported(f"a node group of capacity type {given['capacityType']}")
        self.clusters.subnets(given["subnets"])
        self.clusters.require_role(given["nodeRole"])
        unique = str(uuid.uuid4())
        made = NodeGroup(
            name=name,
            id=unique,
            arn=f"{self.clusters.arn('nodegroup', cluster.name)}/{name}/{unique}",
            cluster=cluster.name,
            given=dict(given),
            scaling=_scaling(given.get("scalingConfig") or {}, _FIRST),
            labels=dict(given.get("labels") or {}),
            taints=list(given.get("taints") or []),
            tags=dict(given.get("tags") or {}),
        )
        if made.instance_type not in SIZES:
            raise invalid(f"[{made.instance_type}] is not known here; known instance types: {', '.join(SIZES)}")
        cluster.groups[name] = made
        return {"nodegroup": made.shown()}

    @operation("DescribeNodegroup")
    def describe_group(self, given: Members) -> Output:
        return {"nodegroup": self.clusters.group(given).shown()}

    @operation("ListNodegroups")
    def list_groups(self, given: Members) -> Output:
        return {"nodegroups": list(self.clusters.cluster(given["clusterName"]).groups)}

    @operation("UpdateNodegroupConfig", effect="instances are launched or drained; labels and taints are of new nodes")
    def update_group(self, given: Members) -> Output:
        group = self.clusters.group(given)
        group.scaling = _scaling(given.get("scalingConfig") or {}, group.scaling)
        group.is_resized = True
        labels = given.get("labels") or {}
        kept = {k: v for k, v in group.labels.items() if k not in (labels.get("removeLabels") or [])}
        group.labels = {**kept, **(labels.get("addOrUpdateLabels") or {})}
        taints = given.get("taints") or {}
        changed = [*(taints.get("removeTaints") or []), *(taints.get("addOrUpdateTaints") or [])]
        keys = {(each["key"], each["effect"]) for each in changed}
        group.taints = [each for each in group.taints if (each["key"], each["effect"]) not in keys]
        group.taints += taints.get("addOrUpdateTaints") or []
        group.status = "UPDATING"
        made = {"id": str(uuid.uuid4()), "status": "InProgress", "type": "ConfigUpdate", "params": [], "errors": []}
        return {"update": {**made, "createdAt": now()}}

    @operation("DeleteNodegroup", effect="its nodes are drained, their instances end with the Auto Scaling group")
    def delete_group(self, given: Members) -> Output:
        group = self.clusters.group(given)
        group.status = "DELETING"
        return {"nodegroup": group.shown()}


def _scaling(given: Mapping[str, int], former: Mapping[str, int]) -> dict[str, int]:
    made = {**former, **given}
    if not made["minSize"] <= made["desiredSize"] <= made["maxSize"]:
        low, high, wanted = made["minSize"], made["maxSize"], made["desiredSize"]
        if wanted > high:
            raise invalid(f"desired capacity {wanted} can't be greater than max size {high}")
        raise invalid(f"Minimum capacity {low} can't be greater than desired size {wanted}")
    return made
